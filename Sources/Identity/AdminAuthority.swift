public import Crypto

/// The authority of the admin API: its server certificate, and client certificates of administrators.
///
/// Apart from the mesh's authority on purpose: a workload certificate must never open the admin API.
public struct AdminAuthority: Sendable {
    private let root: Authority

    /// Opens or creates `admin-ca-cert.pem` and `admin-ca-key.pem` (0600) in `directory`.
    public static func open(in directory: String, at unixSeconds: Int64) throws(AuthorityError) -> AdminAuthority {
        let root = try Authority.open(
            in: directory,
            name: "admin-ca",
            commonName: "gatehouse admin root",
            at: unixSeconds
        )
        return AdminAuthority(root: root)
    }

    public var trustBundle: TrustBundle { TrustBundle(roots: [root.certificate]) }

    /// The server certificate kept in `directory` (`admin-cert.pem`, `admin-key.pem`); a new one when it is missing,
    /// broken, lacks a name, or has less than a third of its life (one year) left.
    public func serverCredential(
        in directory: String,
        names: ServerNames,
        at unixSeconds: Int64
    ) throws(AuthorityError) -> KeyedChain {
        let paths = (chain: "\(directory)/admin-cert.pem", key: "\(directory)/admin-key.pem")
        do throws(FileError) {
            if let stored = try stored(paths.chain, paths.key), names.areCovered(by: stored.chain[0]),
                isFresh(stored.chain[0], at: unixSeconds)
            {
                return stored
            }
        } catch {
            throw .file(error)
        }
        let fresh = try issue(names, at: unixSeconds)
        do throws(FileError) {
            try PrivateFile.write(fresh.keyPEM, to: paths.key)
            try PrivateFile.write(fresh.chainPEM, to: paths.chain)
        } catch {
            throw .file(error)
        }
        return fresh
    }

    /// A client certificate for an administrator: user in CN, groups in O, as Kubernetes reads them.
    public func clientCredential(
        user: String,
        groups: [String],
        life: Duration,
        at unixSeconds: Int64
    ) throws(AuthorityError) -> KeyedChain {
        let key = PrivateKey.generateP256()
        let validity = Authority.validity(life, at: unixSeconds)
        var template = CertificateTemplate(
            .leaf(server: false, client: true),
            commonName: user,
            notBefore: validity.notBefore,
            notAfter: validity.notAfter
        )
        template.organizations = groups
        return KeyedChain(key: key, chain: [try root.sign(template, for: key.publicKey)])
    }

    private func issue(_ names: ServerNames, at unixSeconds: Int64) throws(AuthorityError) -> KeyedChain {
        let key = PrivateKey.generateP256()
        let validity = Authority.validity(.seconds(365 * 86_400), at: unixSeconds)
        var template = CertificateTemplate(
            .leaf(server: true, client: false),
            commonName: "gatehouse admin",
            notBefore: validity.notBefore,
            notAfter: validity.notAfter
        )
        template.dnsNames = names.dnsNames
        template.ipAddresses = names.addresses
        return KeyedChain(key: key, chain: [try root.sign(template, for: key.publicKey), root.certificate])
    }

    private func stored(_ chainPath: String, _ keyPath: String) throws(FileError) -> KeyedChain? {
        guard let chainText = try PrivateFile.readText(chainPath), let keyText = try PrivateFile.readText(keyPath),
            let chain = try? Certificate.chain(pem: chainText), let key = try? PrivateKey(pem: keyText),
            chain[0].matches(key), chain.last == root.certificate
        else { return nil }
        return KeyedChain(key: key, chain: chain)
    }

    private func isFresh(_ certificate: Certificate, at unixSeconds: Int64) -> Bool {
        let left = certificate.notAfter - unixSeconds
        return certificate.isValid(at: unixSeconds) && left > (certificate.notAfter - certificate.notBefore) / 3
    }
}
