import Base
import Crypto
import Testing
import Transport

/// Runs batches until `condition` holds; fails the test after five seconds.
func pump(_ loop: EventLoop, _ what: Comment, until condition: () -> Bool) {
    let limit = MonotonicTime.now().advanced(by: .seconds(5))
    while !condition() {
        if MonotonicTime.now() > limit {
            Issue.record(what)
            return
        }
        loop.runOnce(waitingAtMost: .milliseconds(20))
    }
}

/// Keeps what happened to a connection.
final class Recorder: ConnectionHandler {
    var bytes: [UInt8] = []
    var isOpen = false
    var hasEnded = false
    var reason: CloseReason?
    var onBytes: ((Recorder, Connection) -> Void)?
    var writableCount = 0
    var closesOnEnd = true

    var text: String { String(decoding: bytes, as: UTF8.self) }

    override func onOpen(_ connection: Connection) { isOpen = true }

    override func onRead(_ connection: Connection, _ p: BytePointer, _ count: Int) -> Int {
        bytes += UnsafeBufferPointer(start: p, count: count)
        onBytes?(self, connection)
        return count
    }

    override func onWritable(_ connection: Connection) { writableCount += 1 }

    override func onEnd(_ connection: Connection) {
        hasEnded = true
        if closesOnEnd { connection.finish() }
    }

    override func onClose(_ connection: Connection, _ reason: CloseReason) { self.reason = reason }
}

/// Gives each accepted connection to a closure.
final class Acceptor: AcceptHandler {
    let body: (Connection) -> Void
    var connections: [Connection] = []

    init(_ body: @escaping (Connection) -> Void) {
        self.body = body
    }

    override func onAccept(_ connection: Connection, from listener: ListeningSocket) {
        connections.append(connection)
        body(connection)
    }
}

extension NetworkAddress {
    static let anyLoopback = NetworkAddress(IPAddress(ipv4: 0x7F00_0001), port: 0)
}

extension Connection {
    func write(text: String) {
        var text = text
        text.withUTF8 { write(UnsafeRawBufferPointer($0)) }
    }
}

/// A throw-away certificate authority.
struct TestAuthority {
    let key = PrivateKey.generateP256()
    let root: Certificate
    static let now: Int64 = 1_700_000_000
    static let end: Int64 = 4_000_000_000

    init(_ name: String = "root") throws {
        let template = CertificateTemplate(
            .root,
            commonName: name,
            notBefore: TestAuthority.now,
            notAfter: TestAuthority.end
        )
        root = try template.selfSigned(with: key)
    }

    func identity(dns: [String] = [], uris: [String] = [], rsa: Bool = false) throws -> TLSIdentity {
        var template = CertificateTemplate(
            .leaf(server: true, client: true),
            commonName: dns.first ?? "leaf",
            notBefore: TestAuthority.now,
            notAfter: TestAuthority.end
        )
        template.dnsNames = dns
        template.uriNames = uris
        let own = rsa ? PrivateKey.generateRSA() : PrivateKey.generateP256()
        let certificate = try template.signed(for: own.publicKey, by: root, issuerKey: key)
        return TLSIdentity(certificateChain: Array(certificate.pem.utf8), privateKey: Array(own.pem.utf8))
    }

    var bundle: [UInt8] { Array(root.pem.utf8) }
}
