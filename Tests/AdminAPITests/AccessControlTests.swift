import Resources
import Store
import Testing

@testable import AdminAPI

/// Roles, bindings, and what callers may ask about themselves.
@Suite struct AccessControlTests {
    static let rbac = "/apis/rbac.authorization.k8s.io/v1"
    let fixture: APIFixture

    init() async throws { fixture = try await APIFixture() }

    /// A service account with a role, and the header of a token for it.
    func account(_ name: String, role: String? = nil, namespace: String? = nil) async -> [(name: String, value: String)]
    {
        let accounts = "/api/v1/namespaces/default/serviceaccounts"
        let body = #"{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"\#(name)"}}"#
        #expect(await fixture.send("POST", accounts, body).status == 201)
        if let role {
            let kind = namespace == nil ? "ClusterRoleBinding" : "RoleBinding"
            let place =
                namespace.map { "\(Self.rbac)/namespaces/\($0)/rolebindings" } ?? "\(Self.rbac)/clusterrolebindings"
            let binding = """
                {kind: \(kind), apiVersion: rbac.authorization.k8s.io/v1, metadata: {name: \(name)},
                roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: \(role)},
                subjects: [{kind: ServiceAccount, name: \(name), namespace: default}]}
                """
            let made = await fixture.send("POST", place, binding, type: "application/yaml")
            #expect(made.status == 201, "\(made.text)")
        }
        let made = await fixture.send("POST", "\(accounts)/\(name)/token")
        return [("Authorization", "Bearer \(made.json.at("status", "token")?.stringValue ?? "")")]
    }

    func status(_ method: String, _ target: String, _ who: [(name: String, value: String)], _ body: String = "") async
        -> Int
    {
        await fixture.send(method, target, body, headers: who, door: .secure).status
    }

    @Test func `an account without a role learns what is served, and nothing else`() async throws {
        let who = await account("nobody")
        #expect(await status("GET", "/apis", who) == 200)
        #expect(await status("GET", "/openapi.json", who) == 200)
        for target in [configMaps, "/metrics", "/apis/gatehouse.io/v1/tokens", "/apis/gatehouse.io/v1/proxies"] {
            #expect(await status("GET", target, who) == 403, "\(target)")
        }
        let refused = await fixture.send("POST", virtualServices, webYAML, headers: who, door: .secure)
        #expect(
            refused.message
                == "virtualservices.networking.istio.io is forbidden: User \"system:serviceaccount:default:nobody\" "
                + "cannot create resource \"virtualservices\" in API group \"networking.istio.io\" in the namespace "
                + "\"default\""
        )
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var role: String
        var method: String
        var target: String
        var body = ""
        var isAllowed: Bool
        var testDescription: String { "\(role): \(method) \(target)" }
    }

    static let rows: [Row] = [
        Row(role: "view", method: "GET", target: configMaps, isAllowed: true),
        Row(role: "view", method: "GET", target: "/metrics", isAllowed: true),
        Row(role: "view", method: "GET", target: "/api/v1/secrets", isAllowed: false),
        Row(role: "view", method: "GET", target: "/api/v1/namespaces/default/secrets/x", isAllowed: false),
        Row(role: "view", method: "POST", target: configMaps, body: configMap("a"), isAllowed: false),
        Row(role: "view", method: "DELETE", target: configMaps, isAllowed: false),
        Row(
            role: "view",
            method: "POST",
            target: "/apis/gatehouse.io/v1/apply",
            body: configMap("a"),
            isAllowed: false
        ),
        Row(role: "edit", method: "POST", target: configMaps, body: configMap("a"), isAllowed: true),
        Row(role: "edit", method: "POST", target: "/apis/gatehouse.io/v1/apply", body: configMap("a"), isAllowed: true),
        Row(role: "edit", method: "GET", target: "/api/v1/secrets", isAllowed: false),
        Row(role: "edit", method: "GET", target: "\(rbac)/clusterroles", isAllowed: false),
        Row(
            role: "edit",
            method: "POST",
            target: "/api/v1/namespaces/default/serviceaccounts/who/token",
            isAllowed: false
        ),
        Row(role: "admin", method: "GET", target: "/api/v1/secrets", isAllowed: true),
        Row(role: "admin", method: "GET", target: "/apis/gatehouse.io/v1/tokens", isAllowed: false),
        Row(role: "proxy", method: "GET", target: configMaps, isAllowed: false),
        Row(role: "cluster-admin", method: "GET", target: "/apis/gatehouse.io/v1/tokens", isAllowed: true),
    ]

    @Test("built-in roles", arguments: rows) func builtIn(_ row: Row) async throws {
        let who = await account("who", role: row.role)
        let code = await status(row.method, row.target, who, row.body)
        #expect(row.isAllowed ? code < 300 : code == 403, "\(code)")
    }

    @Test func `a RoleBinding holds in its namespace only`() async throws {
        let who = await account("local", role: "edit", namespace: "default")
        #expect(await status("GET", configMaps, who) == 200)
        #expect(await status("GET", "/api/v1/namespaces/kube-system/configmaps", who) == 403)
        #expect(await status("GET", "/api/v1/configmaps", who) == 403)
        #expect(await status("GET", "/api/v1/namespaces", who) == 403)
    }

    @Test func `nobody gives away what they do not have`() async throws {
        let who = await account("chief", role: "admin", namespace: "default")
        func role(_ name: String, _ verbs: String, _ resource: String) -> String {
            """
            {"kind":"Role","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{"name":"\(name)"},
            "rules":[{"apiGroups":[""],"resources":["\(resource)"],"verbs":["\(verbs)"]}]}
            """
        }
        let roles = "\(Self.rbac)/namespaces/default/roles"
        #expect(await status("POST", roles, who, role("fine", "get", "configmaps")) == 201)
        #expect(await status("POST", roles, who, role("more", "*", "configmaps")) == 403)
        #expect(await status("POST", roles, who, role("all", "get", "*")) == 403)
        let binding = """
            {"kind":"RoleBinding","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{"name":"up"},
            "roleRef":{"kind":"ClusterRole","name":"cluster-admin"},"subjects":[{"kind":"User","name":"me"}]}
            """
        #expect(await status("POST", "\(Self.rbac)/namespaces/default/rolebindings", who, binding) == 403)
        let batch = await fixture.send("POST", "/apis/gatehouse.io/v1/apply", binding, headers: who, door: .secure)
        #expect(batch.status == 403)
        let target = "\(Self.rbac)/namespaces/default/rolebindings/up?fieldManager=x"
        let type = "application/apply-patch+yaml"
        let applied = await fixture.send("PATCH", target, binding, type: type, headers: who, door: .secure)
        #expect(applied.status == 403)
    }

    @Test func `the role of a binding never changes`() async throws {
        _ = await account("a", role: "view")
        let patch = #"{"roleRef":{"name":"edit"}}"#
        let target = "\(Self.rbac)/clusterrolebindings/a"
        let answer = await fixture.send("PATCH", target, patch, type: "application/merge-patch+json")
        #expect(answer.status == 422)
        #expect(answer.fields == ["roleRef"])
    }

    @Test func `a caller can ask what it may do and who it is`() async throws {
        let who = await account("asks", role: "view")
        func may(_ verb: String, _ resource: String, _ group: String = "") async -> JSONValue? {
            let body: JSONValue = [
                "kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
                "spec": [
                    "resourceAttributes": [
                        "verb": .string(verb), "resource": .string(resource), "group": .string(group),
                        "namespace": "default",
                    ]
                ],
            ]
            let target = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
            let answer = await fixture.send("POST", target, body.text(), headers: who, door: .secure)
            #expect(answer.status == 201)
            return answer.json.at("status", "allowed")
        }
        #expect(await may("get", "configmaps") == true)
        #expect(await may("get", "secrets") == false)
        #expect(await may("create", "virtualservices", "networking.istio.io") == false)
        #expect(await may("list", "virtualservices", "networking.istio.io") == true)
        let name = await fixture.send(
            "POST",
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            #"{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"}"#,
            headers: who,
            door: .secure
        )
        #expect(name.json.at("status", "userInfo", "username") == "system:serviceaccount:default:asks")
        let rules = await fixture.send(
            "POST",
            "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
            #"{"kind":"SelfSubjectRulesReview","apiVersion":"authorization.k8s.io/v1","spec":{"namespace":"default"}}"#,
            headers: who,
            door: .secure
        )
        #expect((rules.json.at("status", "resourceRules")?.arrayValue ?? []).count > 3)
    }

    @Test func `built-in roles come back at the next start, unless they are kept from it`() async throws {
        let view = "\(Self.rbac)/clusterroles/view"
        let edit = "\(Self.rbac)/clusterroles/edit"
        let empty = #"{"rules":[]}"#
        let kept = #"{"rules":[],"metadata":{"annotations":{"rbac.authorization.kubernetes.io/autoupdate":"false"}}}"#
        #expect(await fixture.send("PATCH", view, empty, type: "application/merge-patch+json").status == 200)
        #expect(await fixture.send("PATCH", edit, kept, type: "application/merge-patch+json").status == 200)
        try await fixture.store.storeDefaults(Admission(.init(now: { 1 }, makeUID: { "u" })))
        #expect(((await fixture.send("GET", view)).json["rules"]?.arrayValue ?? []).isEmpty == false)
        #expect((await fixture.send("GET", edit)).json["rules"] == [])
    }
}
