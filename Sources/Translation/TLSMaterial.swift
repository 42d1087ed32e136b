internal import Registry
internal import Resources
internal import XDS

/// Finds certificates, keys and trust, and names them for SDS.
///
/// Names: `kubernetes://NAME` for a Secret in the proxy's namespace, `kubernetes://NS/NAME` for one beside the resource
/// that names it, each with `-cacert` for its CA bundle; `file-cert:CHAIN~KEY` and `file-root:CA` for permitted files;
/// `default` and `ROOTCA` for the proxy's own identity. Keys never stand inside listeners or clusters.
struct TLSMaterial {
    /// Where Debian keeps the certificate authorities everyone trusts.
    static let systemTrust = "/etc/ssl/certs/ca-certificates.crt"
    /// No Secret can have this name.
    static let ticketSecret = "session-tickets"

    let mesh: MeshSnapshot
    let node: ProxyNode

    /// What could not be found, in words for the user.
    struct Missing: Error {
        var reason: Problem.Reason
        var message: String
    }

    // MARK: The proxy's own identity

    func reference(_ name: String) -> SDSReference {
        var reference = SDSReference()
        reference.name = name
        let isOwn = name == "default" || name == "ROOTCA"
        if !(isOwn && node.identity == .bootstrap) { reference.sdsConfig = Wire.ads }
        return reference
    }

    /// Certificate and trust of the mesh on one side of a connection.
    func meshIdentity(
        peerNames: [StringMatcherMessage],
        alpn: [String],
        ledger: inout Ledger
    ) throws(Missing) -> CommonTLS {
        guard node.identity != .none else {
            throw Missing(reason: .notSupported, message: "this proxy has no mesh identity")
        }
        if !mesh.inputs.trustBundle.isEmpty {
            var secret = SecretMessage()
            secret.name = "ROOTCA"
            secret.validationContext.trustedCa = Wire.inline(mesh.inputs.trustBundle)
            ledger.deliver(secret)
        }
        var common = CommonTLS()
        common.tlsCertificateSdsSecretConfigs = [reference("default")]
        var combined = CommonTLS.CombinedCertificateValidationContext()
        combined.defaultValidationContext = Self.names(peerNames, kind: .uri)
        combined.validationContextSdsSecretConfig = reference("ROOTCA")
        common.combinedValidationContext = combined
        common.tlsParams = TLSParameters.mesh(mesh.settings)
        common.alpnProtocols = alpn
        return common
    }

    /// The keys of session tickets, when the control plane gives any: shared by every worker, restart and replica.
    func sessionTickets(_ tls: inout DownstreamTLS, ledger: inout Ledger) {
        guard node.isGateway, !mesh.inputs.ticketKeys.isEmpty else { return }
        var secret = SecretMessage()
        secret.name = Self.ticketSecret
        secret.sessionTicketKeys.keys = mesh.inputs.ticketKeys.map { Wire.inline($0) }
        ledger.deliver(secret)
        tls.sessionTicketKeysSdsSecretConfig = reference(Self.ticketSecret)
    }

    /// Both SAN fields: Envoy uses the typed one only, gRPC the old one only.
    static func names(
        _ matchers: [StringMatcherMessage],
        kind: SANMatcher.SanType
    ) -> ValidationMessage {
        var validation = ValidationMessage()
        validation.matchSubjectAltNames = matchers
        validation.matchTypedSubjectAltNames = matchers.map { matcher in
            var typed = SANMatcher()
            typed.sanType = kind
            typed.matcher = matcher
            return typed
        }
        return validation
    }

    /// SANs written by users do not say their kind: any kind may match.
    static func writtenNames(_ names: [String]) -> ValidationMessage {
        let matchers = names.map(Wire.exact)
        var validation = ValidationMessage()
        validation.matchSubjectAltNames = matchers
        validation.matchTypedSubjectAltNames = zip(names, matchers).flatMap { name, matcher in
            let kinds: [SANMatcher.SanType] = name.contains("://") ? [.uri] : [.dns, .uri, .ipAddress]
            return kinds.map { kind in
                var typed = SANMatcher()
                typed.sanType = kind
                typed.matcher = matcher
                return typed
            }
        }
        return validation
    }

    // MARK: Secrets

    /// A certificate with its key, from a Secret.
    func certificate(_ name: String, beside resource: ResourceKey, ledger: inout Ledger) throws(Missing) -> SDSReference
    {
        let (secret, sdsName) = try find(name, beside: resource)
        ledger.use(ResourceKey(.secret, namespace: secret.namespace, name: name))
        guard let chain = secret.spec.certificateChain, let key = secret.spec.privateKey else {
            throw Missing(
                reason: .secretInvalid,
                message: "secret \(secret.namespace)/\(name) has no certificate and key"
            )
        }
        var message = SecretMessage()
        message.name = sdsName
        message.tlsCertificate.certificateChain = Wire.inline(chain)
        message.tlsCertificate.privateKey = Wire.inline(key)
        if let staple = secret.spec.bytes("tls.ocsp-staple") { message.tlsCertificate.ocspStaple = Wire.inline(staple) }
        ledger.deliver(message)
        return reference(sdsName)
    }

    /// A CA bundle: the secret's own, or that of the secret `NAME-cacert`.
    func trust(_ name: String, beside resource: ResourceKey, ledger: inout Ledger) throws(Missing) -> SDSReference {
        let own = try? find(name, beside: resource)
        let other = try? find("\(name)-cacert", beside: resource)
        guard let found = own?.secret.spec.caCertificates != nil ? own : other,
            let bundle = found.secret.spec.caCertificates ?? found.secret.spec.certificateChain
        else {
            let message = "no CA bundle (ca.crt) in secret \(name) or \(name)-cacert"
            throw Missing(reason: own == nil && other == nil ? .secretMissing : .secretInvalid, message: message)
        }
        let base = own?.sdsName ?? "kubernetes://\(name)"
        var message = SecretMessage()
        message.name = base.hasSuffix("-cacert") ? base : base + "-cacert"
        message.validationContext.trustedCa = Wire.inline(bundle)
        if let list = found.secret.spec.revocationList { message.validationContext.crl = Wire.inline(list) }
        ledger.deliver(message)
        return reference(message.name)
    }

    private struct Found {
        var namespace: String
        var spec: SecretSpec
    }

    private func find(
        _ name: String,
        beside resource: ResourceKey
    ) throws(Missing) -> (secret: Found, sdsName: String) {
        let bare = name.hasPrefix("kubernetes://") ? String(name.dropFirst("kubernetes://".count)) : name
        if let spec = mesh.secret(bare, namespace: node.namespace) {
            return (Found(namespace: node.namespace, spec: spec), "kubernetes://\(bare)")
        }
        if let spec = mesh.secret(bare, namespace: resource.namespace) {
            return (Found(namespace: resource.namespace, spec: spec), "kubernetes://\(resource.namespace)/\(bare)")
        }
        var places = [node.namespace]
        if resource.namespace != node.namespace { places.append(resource.namespace) }
        let message = "secret \(bare) does not exist in namespace \(places.joined(separator: " or "))"
        throw Missing(reason: .secretMissing, message: message)
    }

    // MARK: Files

    func certificateFile(chain: String, key: String, ledger: inout Ledger) throws(Missing) -> SDSReference {
        var message = SecretMessage()
        message.name = "file-cert:\(chain)~\(key)"
        message.tlsCertificate.certificateChain = Wire.inline(try file(chain))
        message.tlsCertificate.privateKey = Wire.inline(try file(key))
        ledger.deliver(message)
        return reference(message.name)
    }

    func trustFile(_ path: String, ledger: inout Ledger) throws(Missing) -> SDSReference {
        var message = SecretMessage()
        message.name = "file-root:\(path)"
        message.validationContext.trustedCa = Wire.inline(try file(path))
        ledger.deliver(message)
        return reference(message.name)
    }

    /// A revocation list is no secret: it stands where it is used.
    func revocationFile(_ path: String) throws(Missing) -> Core.DataSource { Wire.inline(try file(path)) }

    private func file(_ path: String) throws(Missing) -> [UInt8] {
        if let content = mesh.inputs.files[path] { return content }
        throw Missing(reason: .fileMissing, message: "file \(path) is not permitted or cannot be read")
    }
}
