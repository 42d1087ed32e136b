internal import Base
internal import HTTP

/// What a fuzz target found beside a crash: a property that must hold for every input and did not.
public struct FuzzFinding: Error, Equatable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// The parsers that read what strangers send, each behind one function from bytes to nothing.
///
/// The fuzzers of `Fuzz/` call them with made-up bytes; `make test` replays the corpus and every input that ever
/// failed. Raw values name the folders of both. A crash, a hang or a thrown finding is a defect.
public enum FuzzTarget: String, CaseIterable, Sendable {
    case http1Request = "http1-request"
    case http1Response = "http1-response"
    case chunkedBody = "chunked-body"
    case serverConnection = "server-connection"
    case clientConnection = "client-connection"
    case clientHello = "client-hello"
    case proxyProtocol = "proxy-protocol"
    case route
    case path
    case json
    case yaml
    case xds

    /// The largest input worth trying; larger ones make the fuzzer slow without finding more.
    public var bytesMax: Int {
        switch self {
        case .http1Request, .http1Response, .clientHello, .proxyProtocol: 2048
        case .chunkedBody, .path: 512
        case .route: 1024
        case .serverConnection, .clientConnection, .json, .yaml, .xds: 4096
        }
    }

    /// - Throws: a finding.
    public func run(_ bytes: UnsafeRawBufferPointer) throws(FuzzFinding) {
        let input = SlackedInput(bytes)
        defer { input.release() }
        switch self {
        case .http1Request: try HTTP1Targets.head(.request, input)
        case .http1Response: try HTTP1Targets.head(.response, input)
        case .chunkedBody: try HTTP1Targets.chunks(input)
        case .serverConnection: try ConnectionTargets.server(input)
        case .clientConnection: try ConnectionTargets.client(input)
        case .clientHello: try PeekTargets.clientHello(input)
        case .proxyProtocol: try PeekTargets.proxyProtocol(input)
        case .route: try RoutingTargets.route(input)
        case .path: try RoutingTargets.path(input)
        case .json: try ConfigurationTargets.json(input)
        case .yaml: try ConfigurationTargets.yaml(input)
        case .xds: try ConfigurationTargets.xds(input)
        }
    }
}

/// A copy of the input with exactly the eight readable bytes behind its end that the parsers are promised, so that
/// AddressSanitizer sees the ninth.
struct SlackedInput {
    let start: MutableBytePointer
    let count: Int

    init(_ bytes: UnsafeRawBufferPointer) {
        count = bytes.count
        start = .allocate(capacity: bytes.count + 8)
        if let base = bytes.baseAddress {
            start.update(from: base.assumingMemoryBound(to: UInt8.self), count: bytes.count)
        }
        (start + count).update(repeating: 0, count: 8)
    }

    func release() { start.deallocate() }

    var array: [UInt8] { Array(UnsafeBufferPointer(start: start, count: count)) }

    /// The first `length` bytes in a block of their own size.
    func prefix(_ length: Int) -> SlackedInput {
        SlackedInput(UnsafeRawBufferPointer(start: start, count: length))
    }
}

func require(_ condition: Bool, _ what: @autoclosure () -> String) throws(FuzzFinding) {
    if !condition { throw FuzzFinding(what()) }
}
