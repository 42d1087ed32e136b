import Crypto
import Resources
import Testing

/// Secrets at the moment they are written; "now" is 2027-01-15.
@Suite struct SecretTests {
    static let now: Int64 = 1_800_000_000
    static let day: Int64 = 86400
    static let key = PrivateKey.generateP256()

    static func certificate(from start: Int64, to end: Int64) throws -> String {
        var template = CertificateTemplate(
            .leaf(server: true, client: false),
            commonName: "shop.example.com",
            notBefore: now + start * day,
            notAfter: now + end * day
        )
        template.dnsNames = ["shop.example.com"]
        return try template.selfSigned(with: key).pem
    }

    static func admit(_ data: [String: String], type: String = "kubernetes.io/tls") throws -> (
        violations: [String], warnings: [String]
    ) {
        var encoded = JSONObject()
        for (key, text) in data.sorted(by: { $0.key < $1.key }) { encoded[key] = .string(text) }
        let json: JSONValue = [
            "apiVersion": "v1", "kind": "Secret", "metadata": ["name": "s"], "type": .string(type),
            "stringData": .object(encoded),
        ]
        let secret = try Resource.decode(json: json).resource
        let admission = Admission(.init(now: { now }, makeUID: { "u" }))
        do {
            let admitted = try admission.admit(Change([.create(secret)]), against: try AdmissionTests.state())
            let stored = try #require(admitted.puts.first)
            #expect(stored.body["stringData"] == nil)
            #expect(stored.body["data"]?.objectValue?.count == data.count)
            return ([], admitted.warnings.map(\.field))
        } catch AdmissionError.invalid(let list) {
            return (list.flatMap(\.violations).map { "\($0.field) \($0.rule)" }, [])
        }
    }

    @Test func `a certificate with its key is accepted and text becomes data`() throws {
        let data = ["tls.crt": try Self.certificate(from: -1, to: 90), "tls.key": Self.key.pem]
        let answer = try Self.admit(data)
        #expect(answer.violations.isEmpty)
        #expect(answer.warnings.isEmpty)
    }

    @Test func `a key of another certificate is refused at its place`() throws {
        let data = ["tls.crt": try Self.certificate(from: -1, to: 90), "tls.key": PrivateKey.generateP256().pem]
        #expect(try Self.admit(data).violations == ["data.tls.key secret.key-mismatch"])
    }

    @Test func `expired is refused, expiring soon warns`() throws {
        let expired = ["tls.crt": try Self.certificate(from: -9, to: -1), "tls.key": Self.key.pem]
        #expect(try Self.admit(expired).violations == ["data.tls.crt secret.expired"])
        let soon = ["tls.crt": try Self.certificate(from: -9, to: 5), "tls.key": Self.key.pem]
        #expect(try Self.admit(soon).warnings == ["data.tls.crt"])
    }

    @Test func `rubbish in place of PEM is refused in a TLS secret and left alone in an opaque one`() throws {
        let rubbish = ["tls.crt": "x", "tls.key": "y"]
        #expect(
            try Self.admit(rubbish).violations == ["data.tls.crt secret.certificate", "data.tls.key secret.key"]
        )
        #expect(try Self.admit(["cert": "x", "key": "y"], type: "Opaque").violations.isEmpty)
    }

    @Test func `Istio's key names are checked too`() throws {
        let data = ["cert": try Self.certificate(from: -1, to: 90), "key": PrivateKey.generateP256().pem]
        #expect(try Self.admit(data, type: "Opaque").violations == ["data.key secret.key-mismatch"])
    }

    @Test func `an immutable secret keeps its data`() throws {
        func secret(_ value: String) throws -> Resource {
            let json: JSONValue = [
                "apiVersion": "v1", "kind": "Secret", "metadata": ["name": "s", "namespace": "default"],
                "immutable": true, "stringData": ["a": .string(value)],
            ]
            return try Resource.decode(json: json).resource
        }
        let admission = Admission(.init(now: { Self.now }, makeUID: { "u" }))
        let base = try admission.admit(Change([.create(try secret("1"))]), against: try AdmissionTests.state())
        #expect(try admission.admit(Change([.put(try secret("1"))]), against: base.resulting).isEmpty)
        let changed = Change([.put(try secret("2"))])
        #expect(throws: AdmissionError.self) { try admission.admit(changed, against: base.resulting) }
    }
}
