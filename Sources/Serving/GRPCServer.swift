public import Base

/// What a handler knows about a call beside its messages.
public struct GRPCCall: Sendable {
    /// `/package.Service/Method`.
    public var path: String
    /// Request headers without those gRPC itself uses. Values of `-bin` fields stay base64.
    public var metadata: Headers
    public var peer: Peer
    /// When the client stops waiting; the call's task is cancelled then.
    public var deadline: MonotonicTime?
}

/// The messages a caller sends, one at a time; what is not taken is not read from the network.
public struct GRPCMessages: AsyncSequence, Sendable {
    public typealias Element = [UInt8]
    public typealias Failure = GRPCStatus

    let body: Body
    let bytesMax: Int

    public func makeAsyncIterator() -> Iterator {
        Iterator(pieces: body.makeAsyncIterator(), deframer: Deframer(bytesMax: bytesMax))
    }

    public struct Iterator: AsyncIteratorProtocol {
        var pieces: Body.Iterator
        var deframer: Deframer

        public mutating func next() async throws(GRPCStatus) -> [UInt8]? { try await next(isolation: nil) }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(GRPCStatus) -> [UInt8]? {
            while true {
                if let message = try deframer.next() { return message }
                let piece: [UInt8]?
                do throws(BodyError) {
                    piece = try await pieces.next(isolation: actor)
                } catch {
                    throw GRPCStatus(.cancelled, "the stream was cut off")
                }
                guard let piece else {
                    try deframer.finish()
                    return nil
                }
                deframer.append(piece)
            }
        }
    }
}

/// Sends messages of one call. Waits while the peer is slow.
public final class GRPCWriter: Sendable {
    let outlet: Outlet

    init(_ outlet: Outlet) { self.outlet = outlet }

    /// - Throws: `.cancelled` once the peer is gone, the call ended, or the task was cancelled.
    public func send(_ message: [UInt8]) async throws(GRPCStatus) {
        do throws(BodyError) {
            try await outlet.write(Deframer.frame(message))
        } catch {
            throw GRPCStatus(.cancelled, "the peer is gone")
        }
    }
}

/// gRPC methods by path, served by an `HTTPServer` beside ordinary requests.
///
///     var calls = GRPCServer()
///     calls.bidirectional("/p.S/M") { call, requests, responses in … }
///     let server = HTTPServer(handler: calls.handler(otherwise: rest))
public struct GRPCServer: Sendable {
    public typealias Unary = @Sendable (GRPCCall, [UInt8]) async throws -> [UInt8]
    public typealias ServerStreaming = @Sendable (GRPCCall, [UInt8], GRPCWriter) async throws -> Void
    public typealias Bidirectional = @Sendable (GRPCCall, GRPCMessages, GRPCWriter) async throws -> Void

    /// Largest message taken from a caller. Envoy's first message of a stream carries all its extensions.
    public var messageBytesMax = 16 << 20
    var methods: [String: Bidirectional] = [:]

    public init() {}

    /// The call ends OK when the handler returns, with a thrown `GRPCStatus`, or UNKNOWN for any other error.
    public mutating func bidirectional(_ path: String, _ method: @escaping Bidirectional) { methods[path] = method }

    public mutating func serverStreaming(_ path: String, _ method: @escaping ServerStreaming) {
        methods[path] = { call, requests, responses in
            try await method(call, try await Self.only(requests), responses)
        }
    }

    public mutating func unary(_ path: String, _ method: @escaping Unary) {
        methods[path] = { call, requests, responses in
            try await responses.send(try await method(call, try await Self.only(requests)))
        }
    }

    private static func only(_ requests: GRPCMessages) async throws -> [UInt8] {
        var messages = requests.makeAsyncIterator()
        guard let message = try await messages.next() else { throw GRPCStatus(.invalidArgument, "no request message") }
        guard try await messages.next() == nil else { throw GRPCStatus(.invalidArgument, "more than one message") }
        return message
    }
}
