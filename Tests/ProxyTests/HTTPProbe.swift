import Base
import Crypto
import Foundation
import HTTP
import Transport
import XDS

/// A client for tests over the house's own stack: TLS, HTTP/2, trailers. Runs its loop on the test's thread.
final class HTTPProbe {
    struct Answer {
        var status = 0
        var head: MessageHead?
        var body = ""
        var trailers: MessageHead?
        var failure: StreamFailure?
        var isComplete = false
    }

    private final class Consumer: ClientStreamConsumer {
        var answer = Answer()

        override func onHead(_ stream: ClientStream, _ head: MessageHead, endStream: Bool) {
            answer.status = Int(head.status)
            answer.head = head
            answer.isComplete = endStream
        }
        override func onData(_ stream: ClientStream, _ bytes: UnsafeRawBufferPointer) {
            answer.body += String(decoding: bytes, as: UTF8.self)
        }
        override func onTrailers(_ stream: ClientStream, _ trailers: MessageHead) { answer.trailers = trailers.copy() }
        override func onEnd(_ stream: ClientStream) { answer.isComplete = true }
        override func onReset(_ stream: ClientStream, _ failure: StreamFailure) {
            answer.failure = failure
            answer.isComplete = true
        }
    }

    private final class Watch: ClientConnectionDelegate {
        var isReady = false
        var closed: CloseReason?
        override func onReady(_ connection: ClientConnection) { isReady = true }
        override func onClose(_ connection: ClientConnection, _ reason: CloseReason) { closed = reason }
    }

    private let loop: EventLoop
    private let watch = Watch()
    private var connection: ClientConnection?

    init(
        _ address: SocketAddress,
        serverName: String? = nil,
        trust: String? = nil,
        identity: TLSIdentity? = nil,
        version: ClientOptions.Version = .http1
    ) throws {
        loop = try EventLoop()
        var tls: (context: TLSContext, serverName: String?)?
        if let trust {
            var configuration = TLSConfiguration(role: .client)
            configuration.trustedCertificates = Array(trust.utf8)
            if let identity { configuration.identities = [identity] }
            configuration.applicationProtocols = version == .http1 ? ["http/1.1"] : ["h2", "http/1.1"]
            tls = (try TLSContext(configuration), serverName)
        }
        var options = ClientOptions()
        options.version = version
        connection = try ClientConnection(to: .ip(address), loop: loop, tls: tls, options: options, delegate: watch)
        run { self.watch.isReady || self.watch.closed != nil }
    }

    var isReady: Bool { watch.isReady }
    var isClosed: Bool { watch.closed != nil }
    /// What TLS said when the handshake failed.
    var tlsFailure: String? { connection?.transport.tls?.failure }
    var peerNames: [String] { connection?.transport.tls?.peerCertificate?.dnsSANs ?? [] }
    var isHTTP2: Bool { connection?.version == .http2 }

    func run(until isDone: () -> Bool) {
        let deadline = Date().addingTimeInterval(5)
        while !isDone(), Date() < deadline { loop.runOnce(waitingAtMost: .milliseconds(50)) }
    }

    func runUntilClosed() { run { self.watch.closed != nil } }

    func request(
        _ path: String = "/",
        host: String = "a.example",
        method: String = "GET",
        fields: [(String, String)] = [],
        body: String = ""
    ) -> Answer {
        let consumer = Consumer()
        guard let stream = connection?.open(consumer) else { return consumer.answer }
        let head = MessageHead.request(method: method, path: path, authority: host, scheme: .https, fields: fields)
        stream.sendHead(head, endStream: body.isEmpty)
        if !body.isEmpty { Array(body.utf8).withUnsafeBytes { stream.sendData($0, endStream: true) } }
        run { consumer.answer.isComplete }
        return consumer.answer
    }
}

/// Certificates made for one test run.
final class TestAuthority: Sendable {
    private let key = PrivateKey.generateP256()
    private let certificate: Certificate

    init() throws {
        let now = Int64(Date().timeIntervalSince1970)
        let template = CertificateTemplate(.root, commonName: "test root", notBefore: now - 60, notAfter: now + 3600)
        certificate = try template.selfSigned(with: key)
    }

    var pem: String { certificate.pem }

    func identity(dns: [String] = [], uri: [String] = []) throws -> TLSIdentity {
        let now = Int64(Date().timeIntervalSince1970)
        var template = CertificateTemplate(
            .leaf(server: true, client: true),
            commonName: "leaf",
            notBefore: now - 60,
            notAfter: now + 3600
        )
        template.dnsNames = dns
        template.uriNames = uri
        let own = PrivateKey.generateP256()
        let leaf = try template.signed(for: own.publicKey, by: certificate, issuerKey: key)
        return TLSIdentity(certificateChain: Array(leaf.pem.utf8), privateKey: Array(own.pem.utf8))
    }

    func downstream(dns: [String], alpn: [String] = ["h2", "http/1.1"], isMutual: Bool = false) throws -> DownstreamTLS
    {
        let identity = try identity(dns: dns)
        var tls = DownstreamTLS()
        tls.settings.certificates = .inline([
            TLSCertificate(chain: .inline(identity.certificateChain), privateKey: .inline(identity.privateKey))
        ])
        tls.settings.alpn = alpn
        if isMutual {
            tls.requiresClientCertificate = true
            tls.settings.validation = .inline(CertificateValidation(trustedCA: .inline(Array(pem.utf8))))
        }
        return tls
    }
}
