public import Transport

/// Why a stream ended before both sides were complete.
public enum StreamFailure: Equatable, Sendable {
    /// The peer provably did nothing with the request: REFUSED_STREAM, beyond a GOAWAY's last stream, or never written.
    /// Safe to retry whatever the method.
    case refused
    /// The peer reset the stream.
    case reset(HTTP2ErrorCode)
    /// The connection went away. Whether the request was acted upon is unknown.
    case connectionClosed(CloseReason)
    /// The peer's message is malformed; the text says how, without quoting it.
    case malformed(StaticString)
    /// The peer was too slow: a body below the minimum rate, or a reader that stopped reading.
    case timedOut

    public static func == (a: StreamFailure, b: StreamFailure) -> Bool {
        switch (a, b) {
        case (.refused, .refused), (.timedOut, .timedOut): true
        case (.reset(let x), .reset(let y)): x == y
        case (.connectionClosed(let x), .connectionClosed(let y)): x == y
        case (.malformed(let x), .malformed(let y)): x.description == y.description
        case (.refused, _), (.timedOut, _), (.reset, _), (.connectionClosed, _), (.malformed, _): false
        }
    }

    /// The request may be repeated on another connection whatever its method.
    public var isProvablyUnsent: Bool {
        switch self {
        case .refused: true
        case .connectionClosed(let reason): reason.isBeforeOpen
        case .reset(let code): code == .refusedStream
        case .malformed, .timedOut: false
        }
    }
}

public enum HTTPVersion: Sendable {
    case http1
    case http2
}
