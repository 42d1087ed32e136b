public import Base

/// Why a connection ended.
public enum CloseReason: Equatable, Sendable {
    /// Closed by our own `close`, or by `finish` after everything was sent.
    case finished
    /// The peer reset it or the network failed; `code` is errno.
    case failed(code: Int32)
    /// Connecting took longer than allowed.
    case connectTimedOut
    /// The TLS handshake took longer than allowed.
    case handshakeTimedOut
    /// The TLS handshake failed; `connection.tls?.failure` says why.
    case handshakeFailed
    /// The peer broke the TLS protocol after the handshake.
    case tlsFailed
    /// Output made no progress for too long while finishing.
    case sendTimedOut

    /// No byte of ours can have reached an application on the other side.
    public var isBeforeOpen: Bool {
        switch self {
        case .connectTimedOut, .handshakeTimedOut, .handshakeFailed: true
        case .finished, .failed, .tlsFailed, .sendTimedOut: false
        }
    }
}

/// Who reads a connection. All calls come from the loop's thread, and never from inside a call into the connection:
/// `write`, `close` and the others may be used freely without being called back re-entrantly.
open class ConnectionHandler {
    public init() {}

    /// The connection is ready for bytes: a connect succeeded, or a TLS handshake (either side) ended well.
    /// Not called for an accepted plain connection, which is ready from the start.
    open func onOpen(_ connection: Connection) {}

    /// Bytes arrived (decrypted ones under TLS). Returns how many were used, from the front.
    ///
    /// The rest is kept and shown again, with what arrived since, when more comes, when `resumeReading` is called, or
    /// at once when the handler was replaced or TLS was started. `bytes` is valid only during the call and has eight
    /// readable bytes behind its end. A handler that keeps returning less than it is given must bound what it waits
    /// for.
    open func onRead(_ connection: Connection, _ bytes: BytePointer, _ count: Int) -> Int { count }

    /// Output fell below the low watermark after it had passed the high one.
    open func onWritable(_ connection: Connection) {}

    /// The peer finished sending. Everything before was given to `onRead`. Writing is still possible.
    open func onEnd(_ connection: Connection) { connection.finish() }

    /// The peer finished sending while reading is paused; bytes from before may still be unread. `onEnd` follows once
    /// they were read. For those who wait long and want to know whether anybody still listens.
    open func onPeerFinished(_ connection: Connection) {}

    /// The connection is gone, whoever ended it; called exactly once, last, from the loop.
    open func onClose(_ connection: Connection, _ reason: CloseReason) {}
}
