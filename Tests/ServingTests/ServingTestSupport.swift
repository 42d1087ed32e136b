import Base
import Crypto
import Foundation
import Serving
import Testing

let loopback = SocketAddress(IPAddress(ipv4: 0x7F00_0001), port: 0)

/// Runs `body` with a server on a free port, and closes both afterwards.
func withServer(
    _ options: HTTPServer.Options = HTTPServer.Options(),
    tls: TLSOptions? = nil,
    handler: @escaping HTTPServer.Handler,
    _ body: (HTTPServer, SocketAddress) async throws -> Void
) async throws {
    let server = try HTTPServer(options, handler: handler)
    defer { server.close() }
    let address = try await server.listen(tcp: loopback, tls: tls)
    try await body(server, address)
}

func client(
    _ address: SocketAddress,
    tls: ClientTLSOptions? = nil,
    isHTTP2: Bool = false
) throws -> HTTPClient {
    var options = HTTPClient.Options()
    options.tls = tls
    options.isHTTP2 = isHTTP2
    return try HTTPClient(.host(address.address.description, port: address.port), options)
}

extension HTTPClient.Response {
    func text() async throws -> String { String(decoding: try await body.collect(), as: UTF8.self) }
}

/// A test authority with a server's and a client's certificate.
struct TestCertificates {
    let root: Certificate
    let server: (chain: String, key: String)
    let client: (chain: String, key: String)

    init() throws {
        let now = Int64(Date().timeIntervalSince1970)
        let rootKey = PrivateKey.generateP256()
        let template = CertificateTemplate(.root, commonName: "test root", notBefore: now - 60, notAfter: now + 3600)
        root = try template.selfSigned(with: rootKey)
        let serverKey = PrivateKey.generateP256()
        var leaf = CertificateTemplate(.leaf(server: true, client: false), notBefore: now - 60, notAfter: now + 3600)
        leaf.dnsNames = ["localhost"]
        leaf.ipAddresses = [IPAddress(ipv4: 0x7F00_0001)]
        leaf.uriNames = ["spiffe://cluster.local/ns/istio-system/sa/gatehouse"]
        let signed = try leaf.signed(for: serverKey.publicKey, by: root, issuerKey: rootKey)
        server = (signed.pem, serverKey.pem)
        let clientKey = PrivateKey.generateP256()
        var workload = CertificateTemplate(
            .leaf(server: false, client: true),
            commonName: "jo",
            notBefore: now - 60,
            notAfter: now + 3600
        )
        workload.organizations = ["ops"]
        workload.uriNames = ["spiffe://cluster.local/ns/default/sa/web"]
        let shown = try workload.signed(for: clientKey.publicKey, by: root, issuerKey: rootKey)
        client = (shown.pem, clientKey.pem)
    }

    func options(_ clientCertificates: TLSOptions.ClientCertificates = .ignored) -> TLSOptions {
        TLSOptions(
            certificateChain: server.chain,
            privateKey: server.key,
            clientCertificates: clientCertificates,
            clientTrust: root.pem
        )
    }

    func clientOptions(withCertificate: Bool = false) -> ClientTLSOptions {
        var options = ClientTLSOptions(trust: root.pem)
        if withCertificate {
            options.certificateChain = client.chain
            options.privateKey = client.key
        }
        return options
    }
}

struct TookTooLong: Error {}

/// Fails a test that hangs instead of letting it hang.
func within<T: Sendable>(_ limit: Duration = .seconds(10), _ body: @escaping @Sendable () async throws -> T)
    async throws -> T
{
    return try await withThrowingTaskGroup(of: T.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: limit)
            throw TookTooLong()
        }
        defer { group.cancelAll() }
        guard let first = try await group.next() else { throw TookTooLong() }
        return first
    }
}

/// A value that arrives once.
actor Signal {
    private var isSet = false
    private var waiters: [CheckedContinuation<Void, Never>] = []

    func set() {
        isSet = true
        waiters.forEach { $0.resume() }
        waiters.removeAll()
    }

    func wait() async {
        if isSet { return }
        await withCheckedContinuation { waiters.append($0) }
    }
}
