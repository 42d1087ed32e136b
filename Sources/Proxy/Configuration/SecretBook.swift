internal import CSys
internal import Transport
internal import XDS

/// Where TLS settings find certificates and trust: the proxy's own secrets first, then those of the snapshot.
///
/// Used while a configuration is compiled; files and variables that a secret names are read here, once.
struct SecretBook {
    /// A secret that has not arrived is not an error: its chain or cluster waits for it.
    enum Lookup<Value> {
        case found(Value)
        case missing(String)
    }

    private let local: [String: Secret]
    private let remote: [String: (secret: Secret, version: String)]

    init(local: [String: Secret], remote: [String: (secret: Secret, version: String)]) {
        self.local = local
        self.remote = remote
    }

    /// Changes whenever the material behind `name` does.
    func version(of name: String) -> String {
        if let secret = local[name] { return "\(secret.hashValue)" }
        return remote[name]?.version ?? "-"
    }

    private func secret(_ name: String) -> Secret? { local[name] ?? remote[name]?.secret }

    func identity(named name: String) throws(PlanError) -> Lookup<TLSIdentity> {
        guard let secret = secret(name) else { return .missing(name) }
        guard case .certificate(let certificate) = secret.content else {
            throw PlanError("secret `\(name)` holds no certificate")
        }
        return .found(try Self.identity(certificate))
    }

    static func identity(_ certificate: TLSCertificate) throws(PlanError) -> TLSIdentity {
        guard certificate.password == nil else { throw PlanError("encrypted private keys are not supported") }
        return TLSIdentity(
            certificateChain: try bytes(of: certificate.chain),
            privateKey: try bytes(of: certificate.privateKey),
            ocspStaple: try certificate.ocspStaple.map { source throws(PlanError) in try bytes(of: source) }
        )
    }

    func ticketKeys(named name: String) throws(PlanError) -> Lookup<[DataSource]> {
        guard let secret = secret(name) else { return .missing(name) }
        guard case .ticketKeys(let keys) = secret.content else {
            throw PlanError("secret `\(name)` holds no session ticket keys")
        }
        return .found(keys)
    }

    func validation(named name: String) throws(PlanError) -> Lookup<CertificateValidation> {
        guard let secret = secret(name) else { return .missing(name) }
        guard case .validation(let validation) = secret.content else {
            throw PlanError("secret `\(name)` holds no validation context")
        }
        return .found(validation)
    }

    /// The bytes a data source stands for, at most 1 MiB.
    static func bytes(of source: DataSource) throws(PlanError) -> [UInt8] {
        switch source {
        case .inline(let bytes): return bytes
        case .environment(let variable):
            guard let text = getenv(variable) else { throw PlanError("environment variable \(variable) is not set") }
            return Array(String(cString: text).utf8)
        case .file(let path):
            let descriptor = gh_open_read(path)
            guard descriptor >= 0 else { throw PlanError("cannot open \(path)") }
            defer { close(descriptor) }
            var content = [UInt8](repeating: 0, count: 1 << 20)
            var filled = 0
            while filled < content.count {
                let count = content.withUnsafeMutableBytes { raw in
                    raw.baseAddress.map { read(descriptor, $0 + filled, raw.count - filled) } ?? 0
                }
                guard count >= 0 else { throw PlanError("cannot read \(path)") }
                if count == 0 { return Array(content.prefix(filled)) }
                filled += count
            }
            throw PlanError("\(path) is larger than 1 MiB")
        }
    }
}

/// Why one part of a resource cannot be planned; becomes a `ConfigurationError` with the resource's name.
struct PlanError: Error {
    var path: String
    var message: String

    init(_ message: String, at path: String = "") {
        self.message = message
        self.path = path
    }

    func inside(_ outer: String) -> PlanError {
        PlanError(message, at: path.isEmpty ? outer : "\(outer).\(path)")
    }

    var text: String { path.isEmpty ? message : "\(path): \(message)" }
}

/// Runs `body` and prefixes the path of what it throws.
func planning<T>(_ field: @autoclosure () -> String, _ body: () throws(PlanError) -> T) throws(PlanError) -> T {
    do {
        return try body()
    } catch {
        throw error.inside(field())
    }
}
