import Base
import Crypto
import Serving
import Testing

private let whoAmI: HTTPServer.Handler = { request in
    let shown = request.peer.certificate
    let names = shown?.uriNames.joined(separator: ",") ?? "nobody"
    return HTTPResponse(
        status: 200,
        text: "\(request.version) \(request.peer.isTLS) \(names) \(shown?.commonName ?? "-") "
            + (shown?.organizations.joined(separator: ",") ?? "-")
    )
}

private func status(of client: HTTPClient) async throws -> Int {
    try await within { try await client.send("GET", "/").status }
}

@Suite struct ServingTLSTests {
    let certificates: TestCertificates

    init() throws { certificates = try TestCertificates() }

    @Test func `ALPN chooses HTTP/2, and nobody is known without a certificate`() async throws {
        try await withServer(tls: certificates.options(.optional), handler: whoAmI) { _, address in
            let client = try client(address, tls: certificates.clientOptions())
            defer { client.close() }
            try await within {
                let text = try await client.send("GET", "/").text()
                #expect(text == "http2 true nobody - -")
            }
        }
    }

    @Test func `a verified client certificate is shown to the handler`() async throws {
        try await withServer(tls: certificates.options(.required), handler: whoAmI) { _, address in
            let client = try client(address, tls: certificates.clientOptions(withCertificate: true))
            defer { client.close() }
            try await within {
                let text = try await client.send("GET", "/").text()
                #expect(text == "http2 true spiffe://cluster.local/ns/default/sa/web jo ops")
            }
        }
    }

    @Test func `a client without a certificate, or with a foreign one, is refused`() async throws {
        let others = try TestCertificates()
        try await withServer(tls: certificates.options(.required), handler: whoAmI) { _, address in
            var foreign = certificates.clientOptions()
            foreign.certificateChain = others.client.chain
            foreign.privateKey = others.client.key
            for options in [certificates.clientOptions(), foreign] {
                let client = try client(address, tls: options)
                defer { client.close() }
                await #expect(throws: ClientError.self) {
                    try await within { try await client.send("GET", "/").status }
                }
            }
        }
    }

    @Test func `a server of another root or another name is not believed`() async throws {
        let others = try TestCertificates()
        try await withServer(tls: certificates.options(), handler: whoAmI) { _, address in
            var wrongName = certificates.clientOptions()
            wrongName.serverName = "other.example"
            var wrongIdentity = certificates.clientOptions()
            wrongIdentity.expectedURINames = ["spiffe://cluster.local/ns/default/sa/web"]
            for options in [others.clientOptions(), wrongName, wrongIdentity] {
                let client = try client(address, tls: options)
                defer { client.close() }
                await #expect(throws: ClientError.self) {
                    try await within { try await client.send("GET", "/").status }
                }
            }
            var rightIdentity = certificates.clientOptions()
            rightIdentity.expectedURINames = ["spiffe://cluster.local/ns/istio-system/sa/gatehouse"]
            let client = try client(address, tls: rightIdentity)
            defer { client.close() }
            #expect(try await status(of: client) == 200)
        }
    }

    @Test func `a replaced certificate is shown to new connections`() async throws {
        let others = try TestCertificates()
        try await withServer(tls: certificates.options(), handler: whoAmI) { server, address in
            let old = try client(address, tls: certificates.clientOptions())
            defer { old.close() }
            #expect(try await status(of: old) == 200)
            try await server.replaceTLS(others.options(), on: address)
            let new = try client(address, tls: others.clientOptions())
            defer { new.close() }
            #expect(try await status(of: new) == 200)
            #expect(try await status(of: old) == 200)
        }
    }

    @Test func `a client that renewed its certificate shows the new one in later requests`() async throws {
        try await withServer(tls: certificates.options(.optional), handler: whoAmI) { _, address in
            let client = try client(address, tls: certificates.clientOptions())
            defer { client.close() }
            let before = try await within { try await client.send("GET", "/").text() }
            #expect(before == "http2 true nobody - -")
            try client.replaceTLS(certificates.clientOptions(withCertificate: true))
            let after = try await within { try await client.send("GET", "/").text() }
            #expect(after.hasSuffix("jo ops"))
        }
    }

    @Test func `a key that is not the certificate's opens no listener`() async throws {
        let others = try TestCertificates()
        let server = try HTTPServer(handler: whoAmI)
        defer { server.close() }
        var options = certificates.options()
        options.privateKey = others.server.key
        await #expect(throws: ListenError.self) { try await server.listen(tcp: loopback, tls: options) }
    }
}
