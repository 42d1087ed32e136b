internal import Crypto
internal import Resources
internal import Store
internal import Synchronization

/// Who sent a request, after authentication.
public struct Caller: Sendable, Equatable {
    public var user: String
    public var groups: [String]

    public init(user: String, groups: [String]) {
        self.user = user
        self.groups = groups
    }

    /// Who asks before or without authentication.
    static let anonymous = Caller(user: "system:anonymous", groups: ["system:unauthenticated"])

    /// Whoever reaches the development listener.
    static let developer = Caller(user: "system:developer", groups: [Authorizer.masters])
}

/// Decides who sent a request: a client certificate of the admin CA, a bearer token, or `user:token` in Basic form,
/// in this order.
///
/// Secrets are compared as SHA-256 hashes in constant time. Wrong ones are counted per source; beyond
/// `failuresPerMinuteMax` the source is told to wait (429). A right one is never kept waiting: 256 random bits cannot
/// be guessed, and a client with a stale token must not lock out its neighbours behind one address.
final class Authenticator: Sendable {
    static let failuresPerMinuteMax = 10
    /// How many sources are remembered; beyond it the oldest minute is forgotten at once.
    private static let sourcesMax = 10_000

    private struct Failures {
        var minute: Int64 = 0
        var countBySource: [String: Int] = [:]
    }

    private let adminTokenHash: [UInt8]?
    private let store: ResourceStore
    private let now: @Sendable () -> Int64
    private let failures = Mutex(Failures())

    /// - Parameters:
    ///   - adminTokenHash: SHA-256 of the token in the data directory.
    ///   - now: seconds since 1970.
    init(adminTokenHash: [UInt8]?, store: ResourceStore, now: @escaping @Sendable () -> Int64) {
        self.adminTokenHash = adminTokenHash
        self.store = store
        self.now = now
    }

    func caller(of request: AdminRequest) throws(StatusError) -> Caller {
        if request.door == .development { return .developer }
        if let certificate = request.clientCertificate {
            return Caller(
                user: certificate.commonName,
                groups: certificate.organizations + ["system:authenticated"]
            )
        }
        let credentials = request.values(of: "authorization")
        // Two different credentials in one request are an attack on whoever reads only one of them.
        guard credentials.count == 1, let secret = Self.secret(in: credentials[0]) else {
            throw credentials.isEmpty ? .unauthorized() : refusal(request.peerAddress)
        }
        let hash = Digest.sha256(secret)
        if let adminTokenHash, ConstantTime.equal(hash, adminTokenHash) {
            return Caller(user: "admin", groups: [Authorizer.masters, "system:authenticated"])
        }
        if let record = store.token(hash: hash), record.audience == TokenAudience.api,
            record.expires.map({ $0 > now() }) ?? true, isAlive(record)
        {
            return Caller(
                user: record.user,
                groups: [
                    "system:serviceaccounts", "system:serviceaccounts:\(record.namespace)", "system:authenticated",
                ]
            )
        }
        throw refusal(request.peerAddress)
    }

    /// A token goes with the ServiceAccount it was made for.
    private func isAlive(_ record: TokenRecord) -> Bool {
        guard !record.accountUID.isEmpty else { return true }
        let account = store.current[.serviceAccount, namespace: record.namespace, name: record.serviceAccount]
        return account?.metadata.uid == record.accountUID
    }

    /// The secret of `Bearer SECRET`, or the password of `Basic`; nil for anything else.
    private static func secret(in value: String) -> String? {
        let parts = value.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[1].utf8.count <= 4096 else { return nil }
        switch parts[0].lowercased() {
        case "bearer":
            return parts[1].contains(" ") ? nil : String(parts[1])
        case "basic":
            guard let bytes = Crypto.Base64.decode(String(parts[1])) else { return nil }
            let text = String(decoding: bytes, as: UTF8.self)
            guard let colon = text.firstIndex(of: ":") else { return nil }
            return String(text[text.index(after: colon)...])
        default:
            return nil
        }
    }

    /// Counts a failure and says what it is answered with.
    private func refusal(_ source: String) -> StatusError {
        let minute = now() / 60
        let count = failures.withLock { failures in
            if failures.minute != minute || failures.countBySource.count > Self.sourcesMax {
                failures.minute = minute
                failures.countBySource.removeAll(keepingCapacity: true)
            }
            failures.countBySource[source, default: 0] += 1
            return failures.countBySource[source, default: 0]
        }
        guard count > Self.failuresPerMinuteMax else { return .unauthorized() }
        return StatusError(
            code: 429,
            reason: "TooManyRequests",
            message: "too many failed logins from this address",
            retryAfterSeconds: Int(60 - now() % 60)
        )
    }
}

/// What bearer tokens are for.
enum TokenAudience {
    /// The admin API.
    static let api = "gatehouse"
    /// A workload's first certificate.
    static let join = "gatehouse-join"
}
