internal import Base

/// Receives one request's body and the fate of its stream. Calls come from the loop, never from inside a call into
/// the stream. The last call is `onEnd` or `onReset`; only `onWritable` may follow `onEnd`, and `onReset` may still
/// come while the response is unfinished.
open class ServerStreamConsumer {
    public init() {}

    /// A piece of the request's content, valid during the call.
    open func onData(_ stream: ServerStream, _ bytes: UnsafeRawBufferPointer) {}

    /// The request's trailer fields. `onEnd` follows.
    open func onTrailers(_ stream: ServerStream, _ trailers: MessageHead) {}

    /// The request is complete. Not called when the head came with `endStream`.
    open func onEnd(_ stream: ServerStream) {}

    /// The stream is over although the response was not complete. Sending has no effect any more.
    open func onReset(_ stream: ServerStream, _ failure: StreamFailure) {}

    /// `isWritable` has become true again.
    open func onWritable(_ stream: ServerStream) {}
}

/// One exchange as the server side of a connection sees it: a received request and the response to send, whatever the
/// protocol below.
///
/// Order of sending: any number of `sendInformational`, one `sendHead`, any number of `sendData`, at most one
/// `sendTrailers`; what comes out of order is ignored. The codec frames the content by the head: `contentLength` as
/// it says, otherwise chunked, or by closing for HTTP/1.0. Upgrades: a request that wants one has the field `upgrade`
/// (HTTP/2 extended CONNECT arrives in the same form); answering it with status 101, or CONNECT with 2xx, makes data
/// raw in both directions.
public class ServerStream {
    /// The request. The stream's owner may edit it; hop-by-hop fields are still there (see `removeHopByHopFields`).
    public let head: MessageHead
    public let connection: ServerConnection
    /// Set it in `onRequest`. Dropped when the stream is over.
    public final var consumer: ServerStreamConsumer?
    /// The whole request has been delivered.
    public internal(set) final var isRequestComplete = false
    /// The final response head was sent.
    public internal(set) final var isResponseStarted = false
    /// The whole response was handed over for sending.
    public internal(set) final var isResponseComplete = false
    /// Reset by either side, or both sides complete.
    public internal(set) final var isClosed = false

    init(head: MessageHead, connection: ServerConnection) {
        self.head = head
        self.connection = connection
    }

    /// A 1xx response other than 101. Not sent to HTTP/1.0 clients.
    public func sendInformational(_ head: MessageHead) {}

    /// The final response head, or 101. With `endStream` the response has no content.
    public func sendHead(_ head: MessageHead, endStream: Bool) {}

    /// Content, copied or sent before the call returns. Never refused: watch `isWritable`.
    public func sendData(_ bytes: UnsafeRawBufferPointer, endStream: Bool) {}

    /// Ends the response with trailer fields. Dropped where the protocol cannot carry them (HTTP/1 without chunked).
    public func sendTrailers(_ trailers: MessageHead) {}

    /// Gives up: RST_STREAM, or closing an HTTP/1 connection so that the cut is visible. No callback follows.
    public func reset(_ code: HTTP2ErrorCode) {}

    /// Stops `onData`. What the client may still send is bounded by the stream's window.
    public func pauseReading() {}

    /// Lets `onData` come again; not from inside this call.
    public func resumeReading() {}

    /// False when so much is waiting to be sent that the source should pause; `onWritable` tells when to go on.
    public var isWritable: Bool { true }

    /// Content accepted by `sendData` and not yet taken by the socket, in bytes.
    public var bufferedBytes: Int { 0 }

    /// Ends a response whose content is complete.
    public final func end() {
        sendData(UnsafeRawBufferPointer(start: nil, count: 0), endStream: true)
    }

    public final func sendData(_ text: StaticString, endStream: Bool) {
        sendData(UnsafeRawBufferPointer(text), endStream: endStream)
    }
}
