internal import Base

/// Receives one response and the fate of its stream. Calls come from the loop, never from inside a call into the
/// stream. The last call is `onEnd`, a head with `endStream`, or `onReset`.
open class ClientStreamConsumer {
    public init() {}

    /// A 1xx response other than 101.
    open func onInformational(_ stream: ClientStream, _ head: MessageHead) {}

    /// The final response head, or 101 after a request with `upgrade`. The head belongs to the receiver.
    open func onHead(_ stream: ClientStream, _ head: MessageHead, endStream: Bool) {}

    /// A piece of the response's content, valid during the call.
    open func onData(_ stream: ClientStream, _ bytes: UnsafeRawBufferPointer) {}

    /// The response's trailer fields. `onEnd` follows.
    open func onTrailers(_ stream: ClientStream, _ trailers: MessageHead) {}

    /// The response is complete. The request may still be being sent.
    open func onEnd(_ stream: ClientStream) {}

    /// The stream failed before the response was complete.
    open func onReset(_ stream: ClientStream, _ failure: StreamFailure) {}

    /// `isWritable` has become true again.
    open func onWritable(_ stream: ClientStream) {}
}

/// One exchange as the client side of a connection sees it: a request to send and the response, whatever the protocol
/// below.
///
/// Send `sendHead`, then `sendData`, at most one `sendTrailers`. The head needs method, path and authority; framing
/// follows its `contentLength`, otherwise HTTP/1 uses chunked. A head with the field `upgrade` asks for an upgrade
/// (extended CONNECT in HTTP/2); after a 101, or a 2xx to CONNECT, data is raw in both directions.
public class ClientStream {
    /// Informational responses that one exchange may bring. They pass by every watermark, so there must be an end.
    static let informationalMax = 64

    public let connection: ClientConnection
    /// Dropped when the stream is over.
    public final var consumer: ClientStreamConsumer?
    /// The connection carried an exchange before this one. A failure before any response byte may then mean that the
    /// peer had closed an idle connection.
    public let isReused: Bool
    public internal(set) final var isRequestComplete = false
    public internal(set) final var isResponseStarted = false
    public internal(set) final var isResponseComplete = false
    public internal(set) final var isClosed = false

    init(connection: ClientConnection, consumer: ClientStreamConsumer, isReused: Bool) {
        self.connection = connection
        self.consumer = consumer
        self.isReused = isReused
    }

    /// The request head; not kept. With `endStream` the request has no content.
    public func sendHead(_ head: MessageHead, endStream: Bool) {}

    /// Content, copied or sent before the call returns. Never refused: watch `isWritable`.
    public func sendData(_ bytes: UnsafeRawBufferPointer, endStream: Bool) {}

    public func sendTrailers(_ trailers: MessageHead) {}

    /// Gives up. No callback follows. An HTTP/1 connection is closed unless the exchange was complete.
    public func reset(_ code: HTTP2ErrorCode) {}

    public func pauseReading() {}

    /// Lets `onData` come again; not from inside this call.
    public func resumeReading() {}

    public var isWritable: Bool { true }

    public var bufferedBytes: Int { 0 }

    /// Ends a request whose content is complete.
    public final func end() {
        sendData(UnsafeRawBufferPointer(start: nil, count: 0), endStream: true)
    }
}
