internal import XDS

/// Looks at every resource once before it is served.
///
/// One bad resource makes a proxy refuse everything in the same response, so one tenant's mistake would hold back all
/// others. A bad one is left out, or its previous version served on, and its owner told.
actor ResourceVetting {
    private static let rememberedMax = 100_000

    /// Content hash → what is wrong with it; nil for a good one.
    private var known: [String: DecodeError?] = [:]

    /// - Parameter previous: what the proxy was offered before.
    /// - Returns: what to offer, and what was held back.
    func vet(_ snapshot: Snapshot, previous: Snapshot?) -> (Snapshot, [SnapshotProblem]) {
        var vetted = snapshot
        var problems: [SnapshotProblem] = []
        for (type, resources) in snapshot.resources {
            for (name, resource) in resources {
                guard let error = error(in: resource, of: type) else { continue }
                vetted.resources[type]?[name] = previous?.resource(type, name)
                problems.append(
                    SnapshotProblem(type: type, name: name, kind: .refused, reason: error.description)
                )
            }
        }
        return (vetted, problems.sorted { ($0.type, $0.name) < ($1.type, $1.name) })
    }

    private func error(in resource: EncodedResource, of type: ResourceType) -> DecodeError? {
        if let verdict = known[resource.version] { return verdict }
        let verdict: DecodeError?
        do throws(DecodeError) {
            _ = try References(of: type, bytes: resource.bytes)
            verdict = nil
        } catch {
            verdict = error
        }
        if known.count >= Self.rememberedMax { known = [:] }
        known.updateValue(verdict, forKey: resource.version)
        return verdict
    }
}
