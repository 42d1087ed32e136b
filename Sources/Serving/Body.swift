/// Content that arrives in pieces, with backpressure: what nobody takes is not read from the network.
///
/// Single pass: one task iterates it, once.
public struct Body: Sendable, AsyncSequence {
    public typealias Element = [UInt8]
    public typealias Failure = BodyError

    enum Source: Sendable {
        case bytes([UInt8])
        case inlet(Inlet, ExchangeLease?)
    }

    let source: Source

    /// - Parameter lease: given up when nobody can read the content any more.
    init(_ inlet: Inlet, lease: ExchangeLease? = nil) { source = .inlet(inlet, lease) }

    /// A body that is already here.
    public init(bytes: [UInt8]) { source = .bytes(bytes) }

    public static var empty: Body { Body(bytes: []) }

    /// What followed the content; empty before the end was reached.
    var trailers: Headers {
        switch source {
        case .bytes: [:]
        case .inlet(let inlet, _): inlet.trailers
        }
    }

    /// Everything, in one piece.
    /// - Throws: `.tooLarge` as soon as more than `limit` bytes arrived, `.cutOff` when the peer gave up.
    public func collect(upTo limit: Int = .max) async throws(BodyError) -> [UInt8] {
        var all: [UInt8] = []
        var pieces = makeAsyncIterator()
        while let piece = try await pieces.next(isolation: nil) {
            guard all.count + piece.count <= limit else { throw .tooLarge(limitBytes: limit) }
            if all.isEmpty { all = piece } else { all += piece }
        }
        return all
    }

    public func makeAsyncIterator() -> Iterator { Iterator(source: source) }

    public struct Iterator: AsyncIteratorProtocol {
        var source: Source
        var isSpent = false

        public mutating func next() async throws(BodyError) -> [UInt8]? { try await next(isolation: nil) }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(BodyError) -> [UInt8]? {
            switch source {
            case .bytes(let bytes):
                guard !isSpent, !bytes.isEmpty else { return nil }
                isSpent = true
                return bytes
            case .inlet(let inlet, _):
                return try await inlet.next()
            }
        }
    }
}
