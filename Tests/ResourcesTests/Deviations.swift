/// Rows of vectors/validation.json that are judged the other way here, each with its reason.
enum Deviations {
    private static let nullItem =
        "an empty item of a list is a mistake of indentation, and as a match it takes everything"

    /// By the row's position in the file.
    static let byRow: [String: String] = [
        "10": "hosts of the Kubernetes Gateway API's own servers; that API is not served",
        "120": nullItem, "122": nullItem, "125": nullItem, "460": nullItem, "461": nullItem,
        "140": "a VirtualService without routes is accepted with a warning (the mission's example 13)",
        "247": "there are no waypoints here, so the label has no meaning",
        "651": "the row itself is spoiled: an address became a map when it was extracted",
    ]

    /// Rows whose warning Istio gives and we do not.
    static let withoutWarning: [String: String] = [
        "536": "concerns the mesh-wide inbound retry policy", "537": "concerns the mesh-wide inbound retry policy",
    ]
}
