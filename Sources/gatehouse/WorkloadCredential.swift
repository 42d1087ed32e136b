internal import Base
internal import Crypto
internal import Foundation
internal import Identity
internal import Serving
internal import SwiftProtobuf
internal import XDS

/// A proxy's own certificate: loaded from its state folder, asked for once with a join token, renewed at half its life.
actor WorkloadCredential {
    struct Unavailable: Error, CustomStringConvertible {
        var description: String
    }

    private let settings: ProxySettings
    private let expected: SPIFFEID?
    private(set) var identity: WorkloadIdentity?

    init(_ settings: ProxySettings) {
        self.settings = settings
        expected = SPIFFEID(
            trustDomain: "cluster.local",
            namespace: settings.node.namespace,
            serviceAccount: NodeMetadata.serviceAccount(settings.node)
        )
        do {
            identity = try WorkloadIdentity.load(from: settings.stateDirectory, at: Self.now)
        } catch {
            Log.warning("state folder: \(error)")
        }
        if let identity, identity.id != expected { self.identity = nil }
    }

    private static var now: Int64 { Int64(Date.now.timeIntervalSince1970) }

    /// Gets the first certificate, retrying until the control plane answers.
    /// - Throws: when the control plane refuses: another try with the same token will not help.
    func obtain() async throws {
        var wait = Duration.milliseconds(100)
        while identity == nil {
            do {
                try await request()
            } catch let status as GRPCStatus where status.code == .unauthenticated || status.code == .permissionDenied {
                // A fresh supervisor may still be telling the control process about this child.
                guard settings.isSupervised else { throw Unavailable(description: "join refused: \(status.message)") }
                try await Task.sleep(for: wait)
            } catch let error as Unavailable {
                throw error
            } catch {
                Log.warning("certificate: \(error); trying again")
                try await Task.sleep(for: wait)
            }
            wait = min(wait * 2, .seconds(2))
        }
    }

    /// Returns once there is a certificate, whoever asked for it.
    func untilAvailable() async throws {
        while identity == nil { try await Task.sleep(for: .milliseconds(20)) }
    }

    /// Sleeps until half of the life is over, then renews; returns when there is a new certificate.
    func renew() async throws {
        guard let current = identity else { return try await obtain() }
        let due = current.renewalTime()
        while Self.now < due { try await Task.sleep(for: .seconds(min(3600, max(1, due - Self.now)))) }
        var wait = Duration.seconds(1)
        while true {
            do {
                try await request()
                return
            } catch {
                Log.warning("certificate renewal: \(error)")
                try await Task.sleep(for: wait)
                wait = min(wait * 2, .seconds(60))
            }
        }
    }

    /// The secrets that never come over ADS: the mesh certificate and the mesh roots, under Istio's names.
    var localSecrets: [String: XDS.Secret] {
        guard let identity else { return [:] }
        let certificate = TLSCertificate(
            chain: .inline(Array(identity.chainPEM.utf8)),
            privateKey: .inline(Array(identity.key.pem.utf8))
        )
        let validation = CertificateValidation(trustedCA: .inline(Array(identity.trustPEM.utf8)))
        return [
            "default": XDS.Secret(name: "default", content: .certificate(certificate)),
            "ROOTCA": XDS.Secret(name: "ROOTCA", content: .validation(validation)),
        ]
    }

    private func request() async throws {
        guard let expected else { throw Unavailable(description: "namespace or service account is not a valid name") }
        let ask = try IdentityRequest(for: expected)
        var message = Istio_V1_Auth_IstioCertificateRequest()
        message.csr = ask.requestPEM
        var metadata = Serving.Headers()
        if identity == nil, case .tcp = settings.controlPlane {
            metadata["authorization"] = "Bearer " + (try joinToken())
        }
        let client = try ControlPlaneDialer.client(settings, identity: identity)
        defer { client.close() }
        let answer = try await client.unary(
            CertificateService.path,
            try message.serializedBytes(),
            metadata: metadata,
            timeout: .seconds(10)
        )
        let response = try Istio_V1_Auth_IstioCertificateResponse(serializedBytes: answer)
        let fresh = try ask.complete(
            chainPEM: response.certChain.joined(),
            expecting: expected,
            at: Self.now
        )
        try fresh.save(in: settings.stateDirectory)
        identity = fresh
        Log.notice("certificate for \(fresh.id)")
    }

    private func joinToken() throws -> String {
        guard let path = settings.tokenFile else {
            throw Unavailable(description: "no valid certificate in the state folder, and no --token-file")
        }
        do {
            let text = try String(contentsOfFile: path, encoding: .utf8)
            return text.trimmingCharacters(in: .whitespacesAndNewlines)
        } catch {
            throw Unavailable(description: "cannot read the join token: \(error.localizedDescription)")
        }
    }
}

/// Connections to the control plane, for certificates and for configuration.
enum ControlPlaneDialer {
    static func target(_ address: ControlPlaneAddress) -> ClientTarget {
        switch address {
        case .tcp(let host, let port): .host(host, port: port)
        case .unix(let path): .unix(path: path)
        }
    }

    /// TLS options for a control plane elsewhere; nil on this host's socket, where the kernel says who is who.
    static func tls(_ settings: ProxySettings, identity: WorkloadIdentity?) throws -> ClientTLSOptions? {
        guard case .tcp = settings.controlPlane else { return nil }
        let trust: String
        if let path = settings.authorityFile {
            trust = try String(contentsOfFile: path, encoding: .utf8)
        } else if let identity {
            trust = identity.trustPEM
        } else {
            throw WorkloadCredential.Unavailable(description: "--ca-file is needed until there is a certificate")
        }
        return ClientTLSOptions(
            trust: trust,
            certificateChain: identity?.chainPEM,
            privateKey: identity?.key.pem
        )
    }

    static func client(_ settings: ProxySettings, identity: WorkloadIdentity?) throws -> GRPCClient {
        guard let address = settings.controlPlane else {
            throw WorkloadCredential.Unavailable(description: "no control plane")
        }
        return try GRPCClient(target(address), tls: try tls(settings, identity: identity))
    }
}
