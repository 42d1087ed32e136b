/// Who a workload is: `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT`.
///
/// Source: the SPIFFE-ID specification §2, in the one path shape Istio uses. Anything else is not an identity of this
/// mesh, so reading is strict: no empty part, no escapes, no query, no extra segment.
public struct SPIFFEID: Hashable, Sendable, CustomStringConvertible {
    public let trustDomain: String
    public let namespace: String
    public let serviceAccount: String

    /// nil when a part is empty, too long, or holds a character that its place forbids.
    public init?(trustDomain: String, namespace: String, serviceAccount: String) {
        guard
            Self.isTrustDomain(trustDomain), Self.isSegment(namespace), Self.isSegment(serviceAccount),
            trustDomain.utf8.count + namespace.utf8.count + serviceAccount.utf8.count < 2000
        else { return nil }
        self.trustDomain = trustDomain
        self.namespace = namespace
        self.serviceAccount = serviceAccount
    }

    public init?(_ text: String) {
        guard text.hasPrefix("spiffe://") else { return nil }
        let parts = text.dropFirst("spiffe://".count).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[1] == "ns", parts[3] == "sa" else { return nil }
        self.init(trustDomain: String(parts[0]), namespace: String(parts[2]), serviceAccount: String(parts[4]))
    }

    public var description: String { "spiffe://\(trustDomain)/ns/\(namespace)/sa/\(serviceAccount)" }

    private static func isTrustDomain(_ text: String) -> Bool {
        (1...255).contains(text.utf8.count) && text.utf8.allSatisfy(isTrustDomainCharacter)
    }

    private static func isSegment(_ text: String) -> Bool {
        (1...255).contains(text.utf8.count) && text != "." && text != ".."
            && text.utf8.allSatisfy {
                isTrustDomainCharacter($0) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0)
            }
    }

    private static func isTrustDomainCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }
}
