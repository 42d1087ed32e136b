/// The namespaces that may see a resource (`exportTo`).
///
/// Source: `.` is the resource's own namespace, `*` every namespace, `~` nobody; absent means every namespace. A list
/// without `.` leaves the own namespace out, except for DestinationRules.
public struct Visibility: Hashable, Sendable {
    public var isPublic: Bool
    public var namespaces: Set<String>

    public static let everywhere = Visibility(isPublic: true, namespaces: [])

    public init(isPublic: Bool, namespaces: Set<String>) {
        self.isPublic = isPublic
        self.namespaces = namespaces
    }

    public init(exportTo: [String], ownNamespace: String) {
        guard !exportTo.isEmpty else {
            self = .everywhere
            return
        }
        var names: Set<String> = []
        for entry in exportTo where entry != "~" && entry != "*" {
            names.insert(entry == "." ? ownNamespace : entry)
        }
        self.init(isPublic: exportTo.contains("*"), namespaces: names)
    }

    public func isVisible(in namespace: String) -> Bool { isPublic || namespaces.contains(namespace) }
}
