public import Base
public import Crypto

/// Why an authority could not be opened or did not sign.
public enum AuthorityError: Error, Equatable, Sendable {
    case file(FileError)
    /// The stored key or certificate cannot be used, in words. It is never replaced silently: workloads trust it.
    case unusable(String)
    case notSigned(CertificateError)
}

/// A self-made root certificate and its key, kept in a directory: `NAME-cert.pem`, `NAME-key.pem` (0600).
public struct Authority: Sendable {
    public let certificate: Certificate
    let key: PrivateKey

    /// How long a root made here is valid, in seconds: ten years.
    static let rootSeconds: Int64 = 10 * 365 * 86_400

    /// Loads the root, or creates it when neither file exists.
    ///
    /// - Parameters:
    ///   - name: `ca`, `admin-ca`, …; part of the file names.
    ///   - commonName: the subject of a root made now.
    ///   - unixSeconds: now.
    public static func open(
        in directory: String,
        name: String,
        commonName: String,
        at unixSeconds: Int64
    ) throws(AuthorityError) -> Authority {
        let certificatePath = "\(directory)/\(name)-cert.pem"
        let keyPath = "\(directory)/\(name)-key.pem"
        let certificateText: String?
        let keyText: String?
        do throws(FileError) {
            try PrivateFile.makeDirectory(directory)
            certificateText = try PrivateFile.readText(certificatePath)
            keyText = try PrivateFile.readText(keyPath)
        } catch {
            throw .file(error)
        }
        switch (certificateText, keyText) {
        case (let certificate?, let key?):
            return try load(certificate, key, certificatePath, at: unixSeconds)
        case (_?, nil):
            throw .unusable("\(certificatePath) exists but its key \(keyPath) does not")
        case (nil, _):
            // A key without a certificate is a first start that was cut off: nobody has trusted it yet.
            let made = try make(commonName, at: unixSeconds)
            do throws(FileError) {
                try PrivateFile.write(made.key.pem, to: keyPath)
                try PrivateFile.write(made.certificate.pem, to: certificatePath)
            } catch {
                throw .file(error)
            }
            return made
        }
    }

    private static func load(
        _ certificateText: String,
        _ keyText: String,
        _ path: String,
        at unixSeconds: Int64
    ) throws(AuthorityError) -> Authority {
        let certificate: Certificate
        do throws(CertificateError) {
            certificate = try Certificate(pem: certificateText)
        } catch {
            throw .unusable("\(path): \(error)")
        }
        let key: PrivateKey
        do throws(KeyError) {
            key = try PrivateKey(pem: keyText)
        } catch {
            throw .unusable("the key of \(path): \(error)")
        }
        guard certificate.isCA else { throw .unusable("\(path) may not sign certificates") }
        guard certificate.matches(key) else { throw .unusable("the key does not belong to \(path)") }
        guard certificate.isValid(at: unixSeconds) else { throw .unusable("\(path) is not valid now") }
        return Authority(certificate: certificate, key: key)
    }

    private static func make(_ commonName: String, at unixSeconds: Int64) throws(AuthorityError) -> Authority {
        let key = PrivateKey.generateP256()
        var template = CertificateTemplate(
            .root,
            commonName: commonName,
            notBefore: unixSeconds - 300,
            notAfter: unixSeconds + rootSeconds
        )
        template.organizations = ["gatehouse"]
        do throws(CertificateError) {
            return Authority(certificate: try template.selfSigned(with: key), key: key)
        } catch {
            throw .notSigned(error)
        }
    }

    /// Signs a leaf. Its life never outlasts the root's.
    func sign(_ template: CertificateTemplate, for key: PublicKey) throws(AuthorityError) -> Certificate {
        var template = template
        template.notAfter = min(template.notAfter, certificate.notAfter)
        do throws(CertificateError) {
            return try template.signed(for: key, by: certificate, issuerKey: self.key)
        } catch {
            throw .notSigned(error)
        }
    }

    /// A validity that starts a little in the past, for hosts whose clock is behind: a tenth of the life, at most a
    /// minute, so that half of a short life is still ahead.
    static func validity(_ life: Duration, at unixSeconds: Int64) -> (notBefore: Int64, notAfter: Int64) {
        let seconds = max(life.components.seconds, 1)
        return (unixSeconds - min(60, seconds / 10), unixSeconds + seconds)
    }
}

/// The names a server certificate answers to.
public struct ServerNames: Sendable, Equatable {
    public var dnsNames: [String]
    public var addresses: [IPAddress]

    /// `localhost`, both loopback addresses, this host's name, and `extra` (names or addresses as text).
    public init(hostName: String? = nil, extra: [String] = []) {
        dnsNames = ["localhost"]
        addresses = [IPAddress(ipv4: 0x7F00_0001), IPAddress(ipv6High: 0, low: 1)]
        for name in [hostName].compactMap({ $0 }) + extra where !name.isEmpty {
            if let address = IPAddress(name) {
                if !addresses.contains(address) { addresses.append(address) }
            } else if !dnsNames.contains(name.lowercased()) {
                dnsNames.append(name.lowercased())
            }
        }
    }

    func areCovered(by certificate: Certificate) -> Bool {
        dnsNames.allSatisfy(certificate.dnsNames.contains) && addresses.allSatisfy(certificate.ipAddresses.contains)
    }
}

/// A private key with its certificate chain, the leaf first.
public struct KeyedChain: Sendable {
    public let key: PrivateKey
    public let chain: [Certificate]

    public init(key: PrivateKey, chain: [Certificate]) {
        self.key = key
        self.chain = chain
    }

    public var chainPEM: String { Certificate.pem(of: chain) }
    public var keyPEM: String { key.pem }
}
