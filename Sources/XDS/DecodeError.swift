/// Why a resource cannot be honoured: wrong, or beyond what the proxy does.
///
/// Its description is what a NACK says. The receiver keeps the previous version of every resource of that response.
public struct DecodeError: Error, Hashable, Sendable, CustomStringConvertible {
    /// `filter_chains[0].filters[0].typed_config.codec_type`, in the names of the protobuf fields; empty: the whole.
    public var path: String
    public var reason: String

    public init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }

    public var description: String { path.isEmpty ? reason : "\(path): \(reason)" }
}
