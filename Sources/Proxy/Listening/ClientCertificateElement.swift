internal import Transport
internal import XDS

/// One element of `x-forwarded-client-cert`: who stood at the other end of our TLS.
///
/// Source: Envoy, "x-forwarded-client-cert": By, Hash, Cert, Chain, Subject, URI, DNS in this order; values with `,`,
/// `;` or `=` in double quotes.
enum ClientCertificateElement {
    /// - Parameter own: the URI name of the certificate we showed; empty leaves `By` out.
    static func text(
        _ certificate: PeerCertificate?,
        details: HTTPConnectionManager.ClientCertificateDetails,
        own: String
    ) -> [UInt8] {
        guard let certificate else { return [] }
        var parts: [String] = []
        if !own.isEmpty { parts.append("By=\(own)") }
        parts.append("Hash=\(hex(certificate.sha256))")
        if details.includesCertificate { parts.append("Cert=\"\(escaped(certificate.pem))\"") }
        if details.includesChain { parts.append("Chain=\"\(escaped(certificate.chainPEM))\"") }
        if details.includesSubject {
            let subject = certificate.subject.replacing("\"", with: "\\\"")
            parts.append("Subject=\"\(subject)\"")
        }
        if details.includesURIs {
            if certificate.uriSANs.isEmpty { parts.append("URI=") }
            for name in certificate.uriSANs { parts.append("URI=\(quoted(name))") }
        }
        if details.includesDNSNames { for name in certificate.dnsSANs { parts.append("DNS=\(quoted(name))") } }
        // What a certificate says is its owner's word: nothing of it may end the header line.
        return parts.joined(separator: ";").utf8.filter { $0 >= 0x20 && $0 != 0x7F }
    }

    private static func quoted(_ value: String) -> String {
        let needsQuotes = value.utf8.contains { $0 == 0x2C || $0 == 0x3B || $0 == 0x3D || $0 == 0x22 }
        return needsQuotes ? "\"" + value.replacing("\"", with: "\\\"") + "\"" : value
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// Percent-encoding of everything but unreserved characters (RFC 3986 §2.3).
    private static func escaped(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var out: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 48...57, 65...90, 97...122, 0x2D, 0x2E, 0x5F, 0x7E: out.append(byte)
            default: out += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
