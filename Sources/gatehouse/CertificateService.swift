internal import Crypto
internal import Foundation
internal import Identity
internal import Serving
internal import Store
internal import SwiftProtobuf
internal import XDS

/// `istio.v1.auth.IstioCertificateService`: first certificates for a join token, renewals for the current certificate.
///
/// The names in a signing request are ignored. The certificate is for whoever the caller proved to be: a gateway of
/// this host by its pid, a workload by its certificate, or the service account of a join token, which is used up by
/// it.
struct CertificateService: Sendable {
    static let path = "/istio.v1.auth.IstioCertificateService/CreateCertificate"
    static let joinAudience = "gatehouse-join"

    var authority: CertificateAuthority
    var gateways: LocalGateways
    var store: ResourceStore

    func register(in server: inout GRPCServer) {
        server.unary(Self.path) { call, message in try await answer(call, message) }
    }

    private func answer(_ call: GRPCCall, _ message: [UInt8]) async throws -> [UInt8] {
        let request: Istio_V1_Auth_IstioCertificateRequest
        do { request = try Istio_V1_Auth_IstioCertificateRequest(serializedBytes: message) } catch {
            throw GRPCStatus(.invalidArgument, "not an IstioCertificateRequest")
        }
        let signing: SigningRequest
        do { signing = try SigningRequest(pem: request.csr) } catch {
            throw GRPCStatus(.invalidArgument, "csr: \(error)")
        }
        let identity = try await identity(of: call)
        let life = Duration.seconds(max(0, request.validityDuration))
        let now = Int64(Date.now.timeIntervalSince1970)
        let chain: [Certificate]
        do { chain = try authority.sign(signing, for: identity, life: life, at: now) } catch {
            throw GRPCStatus(.internal, "\(error)")
        }
        Log.notice("certificate for \(identity), until \(chain.first?.notAfter ?? 0)")
        var response = Istio_V1_Auth_IstioCertificateResponse()
        response.certChain = chain.map(\.pem)
        return try response.serializedBytes()
    }

    private func identity(of call: GRPCCall) async throws -> SPIFFEID {
        if call.peer.processID != nil {
            guard let identity = gateways.identity(of: call.peer, trustDomain: authority.trustDomain) else {
                throw GRPCStatus(.permissionDenied, "this process is not a gateway of this appliance")
            }
            return identity
        }
        if let certificate = call.peer.certificate, let identity = authority.identity(of: certificate) {
            return identity
        }
        guard let header = call.metadata["authorization"], header.lowercased().hasPrefix("bearer ") else {
            throw GRPCStatus(.unauthenticated, "a join token or the current certificate is needed")
        }
        let token = String(header.dropFirst(7))
        let now = Int64(Date.now.timeIntervalSince1970)
        guard let record = try await store.redeem(secret: token, audience: Self.joinAudience, at: now),
            let identity = SPIFFEID(
                trustDomain: authority.trustDomain,
                namespace: record.namespace,
                serviceAccount: record.serviceAccount
            )
        else { throw GRPCStatus(.unauthenticated, "the join token is unknown, expired or used") }
        return identity
    }
}
