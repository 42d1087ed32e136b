import Crypto
import Resources
import Testing

@testable import AdminAPI

/// Objects as newer kubectls send them. The bytes follow Kubernetes' message definitions.
@Suite struct ProtobufBodyTests {
    static let type = "application/vnd.kubernetes.protobuf"

    /// `k8s\0` and the envelope around an encoded object.
    static func envelope(_ apiVersion: String, _ kind: String, _ raw: ProtobufWriter) -> [UInt8] {
        var out = ProtobufWriter()
        out.message(1) { meta in
            meta.text(1, .string(apiVersion))
            meta.text(2, .string(kind))
        }
        out.message(2) { $0 = raw }
        return [0x6B, 0x38, 0x73, 0x00] + out.bytes
    }

    @Test func `a binding is read with its subjects and role`() throws {
        var raw = ProtobufWriter()
        raw.message(1) { meta in
            meta.text(1, "rb1")
            meta.text(2, "")
            meta.message(11) { entry in
                entry.text(1, "a")
                entry.text(2, "b")
            }
        }
        raw.message(2) { subject in
            subject.text(1, "User")
            subject.text(2, "rbac.authorization.k8s.io")
            subject.text(3, "bot")
            subject.text(4, "")
        }
        raw.message(3) { role in
            role.text(2, "Role")
            role.text(3, "r1")
        }
        let object = try ProtobufBody.object(Self.envelope("rbac.authorization.k8s.io/v1", "RoleBinding", raw))
        #expect(
            object == [
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                "metadata": ["name": "rb1", "labels": ["a": "b"]],
                "subjects": [["kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "bot"]],
                "roleRef": ["kind": "Role", "name": "r1"],
            ]
        )
    }

    @Test func `bytes of a secret become base64`() throws {
        var raw = ProtobufWriter()
        raw.message(1) { $0.text(1, "s") }
        raw.message(2) { entry in
            entry.text(1, "k")
            entry.text(2, "\u{1}\u{2}")
        }
        let object = try ProtobufBody.object(Self.envelope("v1", "Secret", raw))
        #expect(object["data"] == ["k": "AQI="])
    }

    @Test func `no cut or changed message does more than be refused`() throws {
        var raw = ProtobufWriter()
        raw.message(1) { $0.text(1, "n") }
        let whole = Self.envelope("v1", "Namespace", raw)
        for end in whole.indices {
            #expect(throws: StatusError.self) { try ProtobufBody.object(Array(whole[..<end])) }
        }
        for place in whole.indices {
            for byte: UInt8 in [0, 0x7F, 0x80, 0xFF] {
                var bytes = whole
                bytes[place] = byte
                _ = try? ProtobufBody.object(bytes)
            }
        }
    }

    @Test func `a namespace can be created in this form, and goes a moment after it is deleted`() async throws {
        let fixture = try await APIFixture()
        var raw = ProtobufWriter()
        raw.message(1) { $0.text(1, "shop") }
        let request = AdminRequest(
            method: "POST",
            path: "/api/v1/namespaces",
            headers: [("Content-Type", Self.type)],
            body: Self.envelope("v1", "Namespace", raw),
            door: .development
        )
        #expect(await fixture.router.handle(request).status == 201)
        let inside = "/api/v1/namespaces/shop/configmaps"
        #expect(await fixture.send("POST", inside, configMap("a")).status == 201)
        #expect(await fixture.send("DELETE", "/api/v1/namespaces/shop").status == 200)
        let going = await fixture.send("GET", "/api/v1/namespaces/shop")
        #expect(going.json.at("status", "phase") == "Terminating")
        #expect(await fixture.send("POST", inside, configMap("b")).status == 403)
        #expect(await fixture.send("DELETE", "\(inside)/a").status == 200)
        for _ in 0..<400 where await fixture.send("GET", "/api/v1/namespaces/shop").status == 200 {
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(await fixture.send("GET", "/api/v1/namespaces/shop").status == 404)
    }
}
