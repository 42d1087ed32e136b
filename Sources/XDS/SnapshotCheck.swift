/// What is wrong with a snapshot, found before any proxy sees it.
///
/// One bad resource makes a proxy refuse every resource of its type in that response; so it is left out instead, and
/// its owner is told.
public struct SnapshotProblem: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// A proxy would refuse it: it must not be served.
        case refused
        /// It names something that is not there; a proxy serves the rest and answers 503 where this is needed.
        case dangling
    }

    public var type: ResourceType
    public var name: String
    public var kind: Kind
    public var reason: String

    public init(type: ResourceType, name: String, kind: Kind, reason: String) {
        self.type = type
        self.name = name
        self.kind = kind
        self.reason = reason
    }
}

extension Snapshot {
    /// Secrets that a proxy holds itself and that therefore never are in a snapshot.
    public static let localSecrets: Set<String> = ["default", "ROOTCA"]

    /// All problems, in the order of types and names.
    ///
    /// - Parameter localSecrets: names of secrets that need not be in the snapshot.
    public func problems(localSecrets: Set<String> = Snapshot.localSecrets) -> [SnapshotProblem] {
        var problems: [SnapshotProblem] = []
        for type in ResourceType.allCases {
            for resource in all(type) {
                do throws(DecodeError) {
                    let inner = try Self.innerName(of: type, resource.bytes)
                    guard inner == resource.name else {
                        throw DecodeError(
                            path: "name",
                            reason: "is \"\(inner)\", but \"\(resource.name)\" was expected"
                        )
                    }
                    let references = try References(of: type, bytes: resource.bytes)
                    problems += dangling(references, of: type, resource.name, localSecrets)
                } catch {
                    problems.append(
                        SnapshotProblem(type: type, name: resource.name, kind: .refused, reason: error.description)
                    )
                }
            }
        }
        return problems
    }

    private func dangling(
        _ references: References,
        of type: ResourceType,
        _ name: String,
        _ localSecrets: Set<String>
    ) -> [SnapshotProblem] {
        var problems: [SnapshotProblem] = []
        for other in [ResourceType.cluster, .endpoint, .route, .secret] {
            for wanted in references.names(other).sorted() where resource(other, wanted) == nil {
                if other == .secret, localSecrets.contains(wanted) { continue }
                let reason = "names \(other.shortName) resource \"\(wanted)\", which is not there"
                problems.append(SnapshotProblem(type: type, name: name, kind: .dangling, reason: reason))
            }
        }
        return problems
    }

    private static func innerName(of type: ResourceType, _ bytes: [UInt8]) throws(DecodeError) -> String {
        switch type {
        case .cluster: try Cluster(decoding: bytes).name
        case .endpoint: try ClusterLoadAssignment(decoding: bytes).clusterName
        case .listener: try Listener(decoding: bytes).name
        case .route: try RouteConfiguration(decoding: bytes).name
        case .secret: try Secret(decoding: bytes).name
        }
    }
}
