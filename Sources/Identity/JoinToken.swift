internal import Crypto
internal import FoundationEssentials

/// Why a join token was refused.
public enum JoinTokenError: Error, Equatable, Sendable {
    case malformed
    /// Not signed by this control plane.
    case badSignature
    case wrongAudience
    case expired
    /// Its one use was made already.
    case alreadyUsed
    /// The use could not be recorded, so it does not count; try again.
    case notRecorded(String)
}

/// What a valid join token says.
public struct JoinClaims: Equatable, Sendable {
    public var identity: SPIFFEID
    /// The token's number, for single use.
    public var id: String
    /// Unix seconds.
    public var expires: Int64
}

/// Makes and checks join tokens: a JWT (RFC 7519) signed with HMAC-SHA-256 by a key that only the control plane has,
/// with audience `gatehouse-join` and a service account's claims as Kubernetes writes them.
public struct JoinTokenIssuer: Sendable {
    public static let audience = "gatehouse-join"
    static let tokenBytesMax = 4096

    private let key: [UInt8]
    private let trustDomain: String

    struct Header: Codable {
        var alg: String
        var typ: String
    }

    struct Payload: Codable {
        struct Account: Codable { var name: String }
        struct Subject: Codable {
            var namespace: String
            var serviceaccount: Account
        }
        var iss: String
        var aud: [String]
        var sub: String
        var iat: Int64
        var exp: Int64
        var jti: String
        var kubernetes: Subject
        enum CodingKeys: String, CodingKey {
            case iss, aud, sub, iat, exp, jti
            case kubernetes = "kubernetes.io"
        }
    }

    /// - Parameter key: 32 random bytes.
    public init(key: [UInt8], trustDomain: String = "cluster.local") {
        self.key = key
        self.trustDomain = trustDomain
    }

    /// Opens or creates `join-token.key` (0600) in `directory`.
    public static func open(in directory: String, trustDomain: String) throws(FileError) -> JoinTokenIssuer {
        let path = "\(directory)/join-token.key"
        try PrivateFile.makeDirectory(directory)
        if let key = try PrivateFile.read(path) {
            guard key.count == 32 else { throw FileError(path: path, reason: "not 32 bytes") }
            return JoinTokenIssuer(key: key, trustDomain: trustDomain)
        }
        let key = SecureRandom.bytes(32)
        try PrivateFile.write(key, to: path)
        return JoinTokenIssuer(key: key, trustDomain: trustDomain)
    }

    public func issue(for identity: SPIFFEID, life: Duration, at unixSeconds: Int64) -> String {
        let subject = Payload.Subject(
            namespace: identity.namespace,
            serviceaccount: Payload.Account(name: identity.serviceAccount)
        )
        let payload = Payload(
            iss: "gatehouse",
            aud: [Self.audience],
            sub: "system:serviceaccount:\(identity.namespace):\(identity.serviceAccount)",
            iat: unixSeconds,
            exp: unixSeconds + max(life.components.seconds, 1),
            jti: SecureRandom.uuid(),
            kubernetes: subject
        )
        let signed = Self.part(Header(alg: "HS256", typ: "JWT")) + "." + Self.part(payload)
        return signed + "." + Base64.encodeURL(Digest.hmacSHA256(key: key, Array(signed.utf8)))
    }

    private static func part(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let json = try? encoder.encode(value) else { preconditionFailure("plain values encode as JSON") }
        return Base64.encodeURL(Array(json))
    }

    /// Everything but single use, which `JoinTokenLedger` watches.
    public func check(_ token: String, at unixSeconds: Int64) throws(JoinTokenError) -> JoinClaims {
        guard token.utf8.count <= Self.tokenBytesMax else { throw .malformed }
        let parts = token.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let tag = Base64.decodeURL(parts[2]) else { throw .malformed }
        let expected = Digest.hmacSHA256(key: key, Array((parts[0] + "." + parts[1]).utf8))
        guard ConstantTime.equal(tag, expected) else { throw .badSignature }
        // The algorithm is ours, never the header's: a header that names another one is refused (RFC 8725 §3.1).
        guard let header: Header = Self.read(parts[0]), header.alg == "HS256",
            let payload: Payload = Self.read(parts[1]),
            let identity = SPIFFEID(
                trustDomain: trustDomain,
                namespace: payload.kubernetes.namespace,
                serviceAccount: payload.kubernetes.serviceaccount.name
            )
        else { throw .malformed }
        guard payload.aud.contains(Self.audience) else { throw .wrongAudience }
        guard unixSeconds < payload.exp else { throw .expired }
        return JoinClaims(identity: identity, id: payload.jti, expires: payload.exp)
    }

    private static func read<T: Decodable>(_ part: String) -> T? {
        guard let json = Base64.decodeURL(part) else { return nil }
        return try? JSONDecoder().decode(T.self, from: Data(json))
    }
}

/// Remembers which join tokens were used, until they would have expired anyway.
public actor JoinTokenLedger {
    public typealias Record = @Sendable (_ id: String, _ expires: Int64) async throws -> Void

    private var used: [String: Int64]
    private let record: Record

    /// - Parameters:
    ///   - used: what was recorded before, id → Unix seconds of expiry.
    ///   - record: writes a use down durably before it counts.
    public init(used: [String: Int64] = [:], record: @escaping Record = { _, _ in }) {
        self.used = used
        self.record = record
    }

    /// Makes the one use of a token. Of two calls at once with the same token, one fails.
    public func redeem(_ claims: JoinClaims, at unixSeconds: Int64) async throws(JoinTokenError) {
        used = used.filter { $0.value >= unixSeconds }
        guard used.updateValue(claims.expires, forKey: claims.id) == nil else { throw .alreadyUsed }
        do {
            try await record(claims.id, claims.expires)
        } catch {
            used[claims.id] = nil
            throw .notRecorded("\(error)")
        }
    }
}
