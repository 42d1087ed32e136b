/// One request as a handler sees it.
public struct HTTPRequest: Sendable {
    public enum Version: Sendable, Equatable { case http1, http2 }

    /// As sent, upper case for the usual ones.
    public var method: String
    /// Without the query, still percent-encoded, never empty.
    public var path: String
    /// What follows the first `?`, without it; nil without one.
    public var query: String?
    /// `Host` or `:authority`; empty when the client sent none (HTTP/1.0).
    public var authority: String
    public var headers: Headers
    public var body: Body
    public var peer: Peer
    public var version: Version

    public init(
        method: String,
        path: String,
        query: String? = nil,
        authority: String = "",
        headers: Headers = [:],
        body: Body = .empty,
        peer: Peer = Peer(),
        version: Version = .http1
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.authority = authority
        self.headers = headers
        self.body = body
        self.peer = peer
        self.version = version
    }
}

/// One answer of a handler.
public struct HTTPResponse: Sendable {
    public enum Content: Sendable {
        /// `content-length` is set by the server.
        case bytes([UInt8])
        /// Runs after the head was sent. It ends the response by returning; throwing resets it, so that the client
        /// sees it cut off. The task is cancelled when the client goes away.
        case stream(@Sendable (ResponseWriter) async throws -> Void)
    }

    public var status: Int
    public var headers: Headers
    public var content: Content

    public init(status: Int, headers: Headers = [:], content: Content = .bytes([])) {
        self.status = status
        self.headers = headers
        self.content = content
    }

    public init(status: Int, headers: Headers = [:], body: [UInt8]) {
        self.init(status: status, headers: headers, content: .bytes(body))
    }

    /// `text/plain; charset=utf-8`.
    public init(status: Int, text: String) {
        self.init(status: status, headers: ["content-type": "text/plain; charset=utf-8"], body: Array(text.utf8))
    }
}

/// Why a body did not arrive whole, or could not be sent.
public enum BodyError: Error, Equatable, Sendable {
    /// More than the limit. A handler answers 413.
    case tooLarge(limitBytes: Int)
    /// The peer went away or reset the stream before the end.
    case cutOff
}
