/// Why a listener did not open.
public struct ListenError: Error, Equatable, Sendable, CustomStringConvertible {
    /// In words, with the address and the system's reason.
    public var description: String

    public init(_ description: String) { self.description = description }
}

/// Why a request got no answer.
public enum ClientError: Error, Equatable, Sendable {
    /// The name has no address.
    case unresolved(String)
    /// No connection; the system's or the TLS library's reason. Nothing was sent.
    case notConnected(String)
    /// The connection or the stream ended before the response did. The server may have acted on the request.
    case cutOff
    /// The time given ran out.
    case timedOut
    case cancelled
    /// The client was closed.
    case closed
}
