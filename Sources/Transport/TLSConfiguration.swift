/// A certificate chain and its private key, PEM. The key must belong to the first certificate.
public struct TLSIdentity: Equatable, Sendable {
    /// Leaf first, then intermediates.
    public var certificateChain: [UInt8]
    public var privateKey: [UInt8]
    /// A DER OCSP response about the leaf, shown to clients that ask for one (RFC 6066 §8). Left out once its
    /// `nextUpdate` has passed: a stale answer is worse than none.
    public var ocspStaple: [UInt8]?

    public init(certificateChain: [UInt8], privateKey: [UInt8], ocspStaple: [UInt8]? = nil) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
        self.ocspStaple = ocspStaple
    }
}

/// A test of a name that this room cannot write down, such as a regular expression. Equal when `pattern` is.
public struct NameTest: Hashable, Sendable {
    public var pattern: String
    public var accepts: @Sendable (UnsafeRawBufferPointer) -> Bool

    public init(pattern: String, accepts: @escaping @Sendable (UnsafeRawBufferPointer) -> Bool) {
        self.pattern = pattern
        self.accepts = accepts
    }

    public static func == (a: Self, b: Self) -> Bool { a.pattern == b.pattern }

    public func hash(into hasher: inout Hasher) { hasher.combine(pattern) }
}

/// A rule that one subject alternative name of the peer must meet.
public struct SANMatcher: Hashable, Sendable {
    public enum Kind: Hashable, Sendable { case dns, uri, email, ip, any }
    public enum Pattern: Hashable, Sendable {
        case exact([UInt8])
        case prefix([UInt8])
        case suffix([UInt8])
        case contains([UInt8])
        case passing(NameTest)
    }

    public var kind: Kind
    public var pattern: Pattern
    /// ASCII case is ignored. DNS names always compare so.
    public var ignoresCase: Bool

    public init(kind: Kind, pattern: Pattern, ignoresCase: Bool = false) {
        self.kind = kind
        self.pattern = pattern
        self.ignoresCase = ignoresCase
    }

    /// The form of Istio's `subjectAltNames`: an exact URI when it has a scheme (`spiffe://…`), an exact DNS name
    /// otherwise.
    public init(exact name: String) {
        self.init(kind: .any, pattern: .exact(Array(name.utf8)))
    }

    /// Whether a certificate's name meets this rule. An exact rule for a DNS name also accepts a certificate's wildcard
    /// whose star covers the leftmost label (RFC 6125 §6.4.3).
    public func matches(_ kindOfName: Kind, _ name: UnsafeRawBufferPointer) -> Bool {
        guard kind == .any || kind == kindOfName else { return false }
        let folds = ignoresCase || kindOfName == .dns
        switch pattern {
        case .exact(let text):
            if name.count == text.count { return SANMatcher.equal(name, text, folds) }
            guard kindOfName == .dns, name.count > 2, name[0] == 0x2A, name[1] == 0x2E else { return false }
            guard let dot = text.firstIndex(of: 0x2E), dot > 0 else { return false }
            let tail = UnsafeRawBufferPointer(rebasing: name[1...])
            return tail.count == text.count - dot && SANMatcher.equal(tail, Array(text[dot...]), true)
        case .prefix(let text):
            return name.count >= text.count
                && SANMatcher.equal(UnsafeRawBufferPointer(rebasing: name[..<text.count]), text, folds)
        case .suffix(let text):
            return name.count >= text.count
                && SANMatcher.equal(UnsafeRawBufferPointer(rebasing: name[(name.count - text.count)...]), text, folds)
        case .contains(let text):
            guard name.count >= text.count else { return false }
            return (0...(name.count - text.count)).contains { start in
                SANMatcher.equal(UnsafeRawBufferPointer(rebasing: name[start..<(start + text.count)]), text, folds)
            }
        case .passing(let test):
            return test.accepts(name)
        }
    }

    private static func equal(_ a: UnsafeRawBufferPointer, _ b: [UInt8], _ folds: Bool) -> Bool {
        a.count == b.count && zip(a, b).allSatisfy { $0 == $1 || (folds && lower($0) == lower($1)) }
    }

    private static func lower(_ b: UInt8) -> UInt8 { b >= 65 && b <= 90 ? b | 0x20 : b }
}

public enum TLSVersion: Int, Comparable, Sendable {
    /// Broken (RFC 8996); only for peers that cannot be renewed, and only when asked for.
    case tls10 = 0
    case tls11 = 1
    case tls12 = 2
    case tls13 = 3

    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// Session tickets of a server (RFC 5077, RFC 8446 §4.6.1). A ticket is good only where certificate, client
/// authorities and every other rule about the peer are what they were when it was made.
public enum SessionTickets: Hashable, Sendable {
    /// Under keys that this process makes and renews.
    case automatic
    case off
    /// Under shared keys: the first makes tickets, all of them open them. At least 32 bytes each.
    case keys([[UInt8]])
}

/// Everything a `TLSContext` is made of. A value; files are read and secrets resolved by whoever fills it in.
public struct TLSConfiguration: Sendable {
    public enum Role: Sendable { case server, client }

    public enum PeerVerification: Sendable {
        /// Accept any peer. A server asks for no certificate.
        case none
        /// Server only: a certificate may be missing, but a shown one must verify.
        case optional
        case required
    }

    public var role: Role
    /// Server: one chain per key type at most (RSA, ECDSA); the handshake picks. Client: the certificate shown when
    /// asked.
    public var identities: [TLSIdentity] = []
    /// PEM bundle that peers' chains must end in. Nil: a client uses the system's roots, a server trusts nobody.
    public var trustedCertificates: [UInt8]?
    public var peerVerification: PeerVerification
    /// One of these must match one of the peer's subject alternative names. Empty: any verified peer.
    public var subjectAltNames: [SANMatcher] = []
    /// SHA-256 of the DER certificates, and of the DER public keys, that the peer's leaf must be one of when either
    /// list has entries (Envoy: a match in one of the lists is enough).
    public var certificatePins: [[UInt8]] = []
    public var publicKeyPins: [[UInt8]] = []
    /// PEM bundle of revocation lists. When there is one, every certificate of a peer's chain needs a list of its
    /// issuer that is in date and does not name it.
    public var revocationLists: [UInt8]?
    /// A verified chain may have expired.
    public var allowsExpired = false
    /// The peer's chain is looked at but need not verify (Envoy: `ACCEPT_UNTRUSTED`).
    public var acceptsUntrusted = false
    public var minimumVersion = TLSVersion.tls12
    public var maximumVersion = TLSVersion.tls13
    /// OpenSSL names, colon separated, for TLS 1.2. Nil: forward-secret AEAD suites.
    public var cipherSuites: String?
    /// Colon separated, in order of preference. Nil: `X25519:P-256:P-384`.
    public var curves: String?
    /// In order of preference, such as `["h2", "http/1.1"]`. Empty: no ALPN.
    public var applicationProtocols: [String] = []
    /// Server: a client whose ALPN list has none of ours gets the alert `no_application_protocol` (RFC 7301 §3.2)
    /// instead of a connection without ALPN. A client that sends no ALPN is served either way.
    public var refusesUnknownProtocols = false
    /// Server: how sessions are resumed.
    public var tickets = SessionTickets.automatic
    /// How long a session may be resumed.
    public var sessionLifetime = Duration.seconds(2 * 3600)
    /// Colon separated OpenSSL names, in order of preference. Nil: the library's.
    public var signatureAlgorithms: String?

    public init(role: Role) {
        self.role = role
        peerVerification = role == .client ? .required : .none
    }
}

/// What made a TLS configuration unusable. The text names the part and OpenSSL's reason, never key material.
public struct TLSConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }
}
