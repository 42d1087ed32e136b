import Crypto
import Foundation
import Resources
import Store
import Testing

@testable import AdminAPI

/// Who may do what.
@Suite struct AccessTests {
    let fixture: APIFixture

    init() async throws { fixture = try await APIFixture() }

    func bearer(_ token: String) -> [(name: String, value: String)] { [("Authorization", "Bearer \(token)")] }

    @Test func `without credentials every path is a 401, but for the probes`() async throws {
        for target in ["/api", "/apis", "/version", "/metrics", "/openapi.json", configMaps, "/nope", "/ui/"] {
            let answer = await fixture.send("GET", target, door: .secure)
            #expect(answer.status == 401, "\(target)")
            #expect(answer.response.header("WWW-Authenticate") != nil)
        }
        for target in ["/livez", "/readyz", "/healthz"] {
            #expect(await fixture.send("GET", target, door: .secure).status == 200)
        }
    }

    @Test func `no operation of any path is open without credentials`() async throws {
        for endpoint in Endpoint.all {
            let path = endpoint.template.replacing("{rest...}", with: "index.html")
            for (method, operation) in endpoint.operations where !operation.isPublic {
                let answer = await fixture.send(method, path, "{}", door: .secure)
                #expect(answer.status == 401, "\(method) \(path)")
            }
        }
        #expect(fixture.store.current.revision == 1)
    }

    @Test func `the admin token opens everything, in Bearer and in Basic form`() async throws {
        let token = APIFixture.adminToken
        #expect(await fixture.send("GET", configMaps, headers: bearer(token), door: .secure).status == 200)
        let basic = "Basic " + Base64.encode(Array("anybody:\(token)".utf8))
        #expect(await fixture.send("GET", configMaps, headers: [("Authorization", basic)], door: .secure).status == 200)
        let twice = bearer(token) + bearer(token)
        #expect(await fixture.send("GET", configMaps, headers: twice, door: .secure).status == 401)
    }

    @Test func `wrong tokens are refused and then throttled, a right one is not`() async throws {
        var codes: [Int] = []
        for number in 0..<12 {
            codes.append(await fixture.send("GET", "/api", headers: bearer("wrong\(number)"), door: .secure).status)
        }
        #expect(codes.prefix(10).allSatisfy { $0 == 401 })
        #expect(codes.suffix(2).allSatisfy { $0 == 429 })
        let right = await fixture.send("GET", "/api", headers: bearer(APIFixture.adminToken), door: .secure)
        #expect(right.status == 200)
    }

    @Test func `a client certificate of the admin CA is an administrator`() async throws {
        let request = AdminRequest(
            method: "GET",
            path: configMaps,
            door: .secure,
            clientCertificate: .init(commonName: "alice", organizations: ["system:masters"])
        )
        #expect(await fixture.router.handle(request).status == 200)
    }

    @Test func `a token made for a service account works until it is revoked`() async throws {
        let accounts = "/api/v1/namespaces/default/serviceaccounts"
        let body = #"{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"bot"}}"#
        #expect(await fixture.send("POST", accounts, body).status == 201)
        let made = await fixture.send("POST", accounts + "/bot/token", #"{"spec":{"expirationSeconds":600}}"#)
        #expect(made.status == 201, "\(made.text)")
        let token = made.json.at("status", "token")?.stringValue ?? ""
        #expect(await fixture.send("GET", "/apis", headers: bearer(token), door: .secure).status == 200)
        let listed = await fixture.send("GET", "/apis/gatehouse.io/v1/tokens")
        #expect(!listed.text.contains(token))
        let id = listed.json["items"]?[0]?.at("metadata", "name")?.stringValue ?? ""
        #expect(await fixture.send("DELETE", "/apis/gatehouse.io/v1/tokens/\(id)").status == 200)
        #expect(await fixture.send("GET", "/apis", headers: bearer(token), door: .secure).status == 401)
    }

    @Test func `a token ends with its service account, also when another one gets the name`() async throws {
        let accounts = "/api/v1/namespaces/default/serviceaccounts"
        let body = #"{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"bot"}}"#
        await fixture.send("POST", accounts, body)
        let made = await fixture.send("POST", accounts + "/bot/token")
        let token = bearer(made.json.at("status", "token")?.stringValue ?? "")
        #expect(await fixture.send("GET", "/api", headers: token, door: .secure).status == 200)
        await fixture.send("DELETE", accounts + "/bot")
        #expect(await fixture.send("GET", "/api", headers: token, door: .secure).status == 401)
        await fixture.send("POST", accounts, body)
        #expect(await fixture.send("GET", "/api", headers: token, door: .secure).status == 401)
    }

    @Test func `a join token opens no door of this API`() async throws {
        let target = "/api/v1/namespaces/default/serviceaccounts/web/token"
        let made = await fixture.send("POST", target, #"{"spec":{"audiences":["gatehouse-join"]}}"#)
        #expect(made.status == 201, "\(made.text)")
        let token = made.json.at("status", "token")?.stringValue ?? ""
        #expect(await fixture.send("GET", "/api", headers: bearer(token), door: .secure).status == 401)
        let redeemed = try await fixture.store.redeem(secret: token, audience: "gatehouse-join", at: APIFixture.now)
        #expect(redeemed?.serviceAccount == "web")
        let other = await fixture.send("POST", target, #"{"spec":{"audiences":["nope"]}}"#)
        #expect(other.status == 422)
        #expect(other.fields == ["spec.audiences[0]"])
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var host: String
        var origin: String?
        var status: Int
        var testDescription: String { "\(host) \(origin ?? "-")" }
    }

    static let rows: [Row] = [
        Row(host: "127.0.0.1:9080", status: 200),
        Row(host: "localhost:9080", status: 200),
        Row(host: "[::1]:9080", status: 200),
        Row(host: "evil.example.com", status: 403),
        Row(host: "127.0.0.1.evil.example.com", status: 403),
        Row(host: "localhost:9080", origin: "http://localhost:9080", status: 200),
        Row(host: "localhost:9080", origin: "https://evil.example.com", status: 403),
        Row(host: "localhost:9080", origin: "null", status: 403),
    ]

    @Test("the development door", arguments: rows) func developmentDoor(_ row: Row) async throws {
        var headers = [(name: "Host", value: row.host)]
        if let origin = row.origin { headers.append(("Origin", origin)) }
        #expect(await fixture.send("GET", configMaps, headers: headers).status == row.status)
    }
}

@Suite struct PageTests {
    @Test func `files of the public directory are served, and nothing around them`() async throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "gatehouse-ui-\(SecureRandom.uuid())")
        let pages = root.appending(path: "public")
        try FileManager.default.createDirectory(at: pages.appending(path: "sub"), withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: root) }
        try "<p>hello".write(to: pages.appending(path: "index.html"), atomically: false, encoding: .utf8)
        try "inner".write(to: pages.appending(path: "sub/a.txt"), atomically: false, encoding: .utf8)
        try "canary".write(to: pages.appending(path: ".hidden"), atomically: false, encoding: .utf8)
        try "canary".write(to: root.appending(path: "secret.txt"), atomically: false, encoding: .utf8)
        let links = ["link.txt": "../secret.txt", "up": "..", "inside.txt": "sub/a.txt"]
        for (name, target) in links {
            let path = pages.appending(path: name).path(percentEncoded: false)
            try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
        }
        let fixture = try await APIFixture(publicDirectory: pages.path(percentEncoded: false))
        let page = await fixture.send("GET", "/ui/")
        #expect(page.text == "<p>hello")
        #expect(page.response.header("Content-Type") == "text/html; charset=utf-8")
        #expect(page.response.header("Content-Security-Policy")?.contains("default-src 'none'") == true)
        #expect(await fixture.send("GET", "/ui").status == 308)
        #expect(await fixture.send("GET", "/ui/sub/a.txt").text == "inner")
        let attacks = [
            "/ui/../secret.txt", "/ui/%2e%2e/secret.txt", "/ui/..%2fsecret.txt", "/ui/%2e%2e%2fsecret.txt",
            "/ui/sub/../../secret.txt", "/ui/..\\secret.txt", "/ui/..%5csecret.txt", "/ui//etc/passwd",
            "/ui/%2fetc/passwd",
            "/ui/.hidden", "/ui/%2ehidden", "/ui/link.txt", "/ui/up/secret.txt", "/ui/index.html%00.txt",
            "/ui/./.hidden",
            "/ui/..;/secret.txt", "/ui/%252e%252e/secret.txt", "/ui/sub%2f..%2f..%2fsecret.txt",
            "/ui/\u{FF0E}\u{FF0E}/secret.txt",
        ]
        for target in attacks {
            let answer = await fixture.send("GET", target)
            #expect(answer.status == 404, "\(target)")
            #expect(!answer.text.contains("canary"), "\(target)")
        }
    }
}
