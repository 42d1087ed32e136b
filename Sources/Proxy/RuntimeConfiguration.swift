public import XDS

/// Why a snapshot cannot be served: the text of a NACK.
///
/// Whose fault: the control plane's. The configuration in force stays in force; the same bytes will fail again.
public struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    public var type: ResourceType
    public var resource: String
    /// Where in the resource and what is wrong, in protobuf field names.
    public var detail: String

    public init(type: ResourceType, resource: String, detail: String) {
        self.type = type
        self.resource = resource
        self.detail = detail
    }

    public var description: String { "\(type.shortName) \(resource): \(detail)" }
}

/// Everything a worker needs to serve, compiled from one xDS snapshot; immutable and shared by all workers.
///
/// Compilation is all or nothing. What a resource refers to may be missing: a chain without its secrets refuses
/// handshakes, a listener without its routes answers 404 NR, a cluster without endpoints 503 UH, so that one tenant's
/// missing certificate does not hold back another's change.
public final class RuntimeConfiguration: Sendable {
    /// The store revision of the snapshot this was compiled from.
    public let version: UInt64

    /// - Parameters:
    ///   - previous: the configuration in force; what did not change is taken over instead of compiled again.
    ///   - localSecrets: the proxy's own secrets by name (`default`, `ROOTCA`), which never come over ADS.
    public init(
        compiling snapshot: Snapshot,
        previous: RuntimeConfiguration?,
        localSecrets: [String: Secret] = [:]
    ) throws(ConfigurationError) {
        version = snapshot.version
    }
}
