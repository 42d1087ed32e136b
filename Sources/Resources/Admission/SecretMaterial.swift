internal import Crypto

/// Certificates and keys inside Secrets, judged when they are written: they parse, belong together and are not expired.
enum SecretMaterial {
    private static let warnBeforeSeconds: Int64 = 30 * 86400

    /// A key of the Secret that holds something, by its standard name or Istio's.
    private struct Part {
        var key: String
        var bytes: [UInt8]

        init?(_ spec: SecretSpec, _ names: String...) {
            for name in names {
                guard let bytes = spec.bytes(name) else { continue }
                key = name
                self.bytes = bytes
                return
            }
            return nil
        }

        var isPEM: Bool {
            let mark = Array("-----BEGIN ".utf8)
            return bytes.firstRange(of: mark) != nil
        }
    }

    /// - Parameter now: seconds since the epoch.
    static func check(_ spec: SecretSpec, now: Int64, _ findings: inout Findings) {
        let isTLS = spec.type == "kubernetes.io/tls"
        let isAuthority = spec.type == "gatehouse.io/ca"
        var leaf: Certificate?
        findings.inside("data") { findings in
            if let part = Part(spec, "tls.crt", "cert"), isTLS || part.isPEM {
                leaf = checkChain(part, now: now, &findings)
            }
            if let part = Part(spec, "tls.key", "key"), isTLS || part.isPEM {
                checkKey(part, leaf: leaf, &findings)
            }
            if let part = Part(spec, "ca.crt", "cacert"), isTLS || isAuthority || part.isPEM {
                _ = checkChain(part, now: now, &findings)
            } else if isAuthority {
                findings.error(at: "ca.crt", "secret.ca", "is required in a Secret of type gatehouse.io/ca")
            }
            // Nothing else is ever called so: an unreadable list would close the server to everybody.
            if let part = Part(spec, "ca.crl", "crl"), isTLS || part.isPEM || part.key == "ca.crl" {
                checkRevocation(part, now: now, &findings)
            }
            if let staple = Part(spec, "tls.ocsp-staple"), let leaf {
                checkStaple(staple, leaf: leaf, now: now, &findings)
            }
        }
    }

    private static func checkChain(_ part: Part, now: Int64, _ findings: inout Findings) -> Certificate? {
        var result: Certificate?
        findings.inside(part.key) { findings in
            let chain: [Certificate]
            do {
                chain = try Certificate.chain(pem: part.bytes)
            } catch {
                findings.error("secret.certificate", "is not a PEM certificate chain: \(error)")
                return
            }
            guard let leaf = chain.first else {
                findings.error("secret.certificate", "holds no certificate")
                return
            }
            result = leaf
            for certificate in chain {
                let end = Timestamp(secondsSinceEpoch: certificate.notAfter)
                if certificate.notAfter < now {
                    findings.error("secret.expired", "the certificate of \(certificate.subject) expired at \(end)")
                } else if certificate.notAfter < now + warnBeforeSeconds {
                    findings.warn("GH0010", "the certificate of \(certificate.subject) expires at \(end)")
                }
                if certificate.notBefore > now {
                    let start = Timestamp(secondsSinceEpoch: certificate.notBefore)
                    findings.warn("GH0011", "the certificate of \(certificate.subject) is not valid before \(start)")
                }
            }
        }
        return result
    }

    private static func checkKey(_ part: Part, leaf: Certificate?, _ findings: inout Findings) {
        findings.inside(part.key) { findings in
            do {
                let key = try PrivateKey(pem: part.bytes)
                guard let leaf, !leaf.matches(key) else { return }
                findings.error("secret.key-mismatch", "does not belong to the certificate of \(leaf.subject)")
            } catch {
                findings.error("secret.key", "is not a PEM private key: \(error)")
            }
        }
    }

    private static func checkRevocation(_ part: Part, now: Int64, _ findings: inout Findings) {
        findings.inside(part.key) { findings in
            do {
                for list in try RevocationList.all(pem: part.bytes) {
                    guard let end = list.nextUpdate, end < now else { continue }
                    let text = Timestamp(secondsSinceEpoch: end)
                    findings.error(
                        "secret.expired",
                        "the revocation list of \(list.issuer) ended at \(text): every certificate would be refused"
                    )
                }
            } catch {
                findings.error("secret.revocation", "is not a PEM revocation list: \(error)")
            }
        }
    }

    private static func checkStaple(_ part: Part, leaf: Certificate, now: Int64, _ findings: inout Findings) {
        findings.inside(part.key) { findings in
            switch StatusAnswer(der: part.bytes, of: leaf) {
            case .unreadable: findings.error("secret.staple", "is not a successful OCSP response in DER")
            case .foreign: findings.error("secret.staple", "is not about the certificate of \(leaf.subject)")
            case .about(let end):
                guard let end, end <= now else { return }
                findings.warn("GH0010", "ended at \(Timestamp(secondsSinceEpoch: end)); it is not shown to clients")
            }
        }
    }
}
