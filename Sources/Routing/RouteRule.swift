internal import Base
internal import HTTP
internal import XDS

/// A compiled `route.v3.RouteMatch`: cheap tests first, all must hold.
///
/// A class, so that trying a route copies one reference instead of a dozen fields.
final class RouteRule: Sendable {
    enum Path: Sendable {
        case prefix([UInt8])
        /// The whole path, or followed by a slash.
        case separatedPrefix([UInt8])
        case exact([UInt8])
        case expression(RegularExpression)
        /// CONNECT requests.
        case connect
    }

    let path: Path
    let ignoresCase: Bool
    let headers: [HeaderRule]
    let queryParameters: [QueryRule]
    let requiresGRPC: Bool
    /// nil: every request.
    let fraction: Fraction?
    let presentsCertificate: Bool?
    let validatesCertificate: Bool?

    init(
        path: Path,
        ignoresCase: Bool,
        headers: [HeaderRule],
        queryParameters: [QueryRule],
        requiresGRPC: Bool,
        fraction: Fraction?,
        presentsCertificate: Bool?,
        validatesCertificate: Bool?
    ) {
        self.path = path
        self.ignoresCase = ignoresCase
        self.headers = headers
        self.queryParameters = queryParameters
        self.requiresGRPC = requiresGRPC
        self.fraction = fraction
        self.presentsCertificate = presentsCertificate
        self.validatesCertificate = validatesCertificate
    }

    /// Why a route did not take a request; in the order the tests run.
    enum Miss: Sendable, Equatable {
        case path
        case header(Int)
        case queryParameter(Int)
        case grpc
        case certificate
        case fraction
    }

    /// nil when everything holds.
    func miss(_ query: RouteQuery, random: inout SeededGenerator) -> Miss? {
        guard matchesPath(query) else { return .path }
        var index = 0
        while index < headers.count {
            guard headers[index].matches(query.head) else { return .header(index) }
            index &+= 1
        }
        if !queryParameters.isEmpty {
            let text = QueryString.of(target: query.target)
            index = 0
            while index < queryParameters.count {
                guard queryParameters[index].matches(text) else { return .queryParameter(index) }
                index &+= 1
            }
        }
        if requiresGRPC, !Self.isGRPC(query.head) { return .grpc }
        if presentsCertificate != nil || validatesCertificate != nil, !matchesCertificate(query.connection) {
            return .certificate
        }
        if let fraction, !fraction.holds(random: random.next()) { return .fraction }
        return nil
    }

    private func matchesPath(_ query: RouteQuery) -> Bool {
        switch path {
        case .prefix(let text):
            return text.withUnsafeBytes { query.path.count >= $0.count && same(query.path, $0) }
        case .exact(let text):
            return text.withUnsafeBytes { query.path.count == $0.count && same(query.path, $0) }
        case .separatedPrefix(let text):
            return text.withUnsafeBytes { text in
                guard query.path.count >= text.count, same(query.path, text) else { return false }
                return query.path.count == text.count || query.path[text.count] == 0x2F
            }
        case .expression(let expression): return expression.matchesWhole(query.path)
        case .connect: return query.isConnect
        }
    }

    @inline(__always)
    private func same(_ path: Bytes, _ text: Bytes) -> Bool {
        ignoresCase ? sameLetters(path, 0, text) : sameBytes(path, 0, text)
    }

    private func matchesCertificate(_ connection: ConnectionFacts) -> Bool {
        if let expected = presentsCertificate, (connection.peer != nil) != expected { return false }
        if let expected = validatesCertificate, (connection.peer?.isValidated ?? false) != expected { return false }
        return true
    }

    /// `content-type: application/grpc`, alone or followed by `+` (Envoy: `Grpc::Common::isGrpcRequestHeaders`).
    static func isGRPC(_ head: MessageHead) -> Bool {
        let wanted = Bytes("application/grpc")
        guard let value = head.value(.contentType), value.starts(withBytes: wanted) else { return false }
        return value.count == wanted.count || value[wanted.count] == 0x2B
    }
}

/// One request as the tables see it, borrowed for the length of a lookup.
struct RouteQuery {
    let head: MessageHead
    let connection: ConnectionFacts
    /// Path and query.
    let target: Bytes
    /// Without query and fragment.
    let path: Bytes
    let isConnect: Bool

    init(_ head: MessageHead, _ connection: ConnectionFacts) {
        self.head = head
        self.connection = connection
        target = head.path
        path = QueryString.path(of: head.path)
        isConnect = head.method == .connect
    }
}
