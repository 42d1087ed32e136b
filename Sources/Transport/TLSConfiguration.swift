/// A certificate chain and its private key, PEM. The key must belong to the first certificate.
public struct TLSIdentity: Equatable, Sendable {
    /// Leaf first, then intermediates.
    public var certificateChain: [UInt8]
    public var privateKey: [UInt8]

    public init(certificateChain: [UInt8], privateKey: [UInt8]) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
    }
}

/// A rule that one subject alternative name of the peer must meet.
public struct SANMatcher: Hashable, Sendable {
    public enum Kind: Hashable, Sendable { case dns, uri, email, ip, any }
    public enum Pattern: Hashable, Sendable {
        case exact([UInt8])
        case prefix([UInt8])
        case suffix([UInt8])
        case contains([UInt8])
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
        }
    }

    private static func equal(_ a: UnsafeRawBufferPointer, _ b: [UInt8], _ folds: Bool) -> Bool {
        a.count == b.count && zip(a, b).allSatisfy { $0 == $1 || (folds && lower($0) == lower($1)) }
    }

    private static func lower(_ b: UInt8) -> UInt8 { b >= 65 && b <= 90 ? b | 0x20 : b }
}

public enum TLSVersion: Int, Comparable, Sendable {
    case tls12 = 2
    case tls13 = 3

    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
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
    public var minimumVersion = TLSVersion.tls12
    public var maximumVersion = TLSVersion.tls13
    /// OpenSSL names, colon separated, for TLS 1.2. Nil: forward-secret AEAD suites.
    public var cipherSuites: String?
    /// Colon separated. Nil: `X25519:P-256:P-384`.
    public var curves: String?
    /// In order of preference, such as `["h2", "http/1.1"]`. Empty: no ALPN.
    public var applicationProtocols: [String] = []
    /// Server: a client whose ALPN list has none of ours gets the alert `no_application_protocol` (RFC 7301 §3.2)
    /// instead of a connection without ALPN. A client that sends no ALPN is served either way.
    public var refusesUnknownProtocols = false
    /// Server: resumption by tickets, valid in this context only.
    public var hasSessionTickets = true

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
