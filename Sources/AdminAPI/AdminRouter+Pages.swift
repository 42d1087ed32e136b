internal import Resources
internal import Store

extension AdminRouter {
    /// `/readyz`: 200 when every check holds, 503 otherwise; `?verbose` lists them.
    func ready(_ call: Call) async -> AdminResponse {
        let checks = await configuration.readiness()
        let isReady = checks.allSatisfy(\.isReady)
        var text = isReady ? "ok" : "not ready"
        if call.query["verbose"] != nil {
            let lines = checks.map { $0.isReady ? "[+]\($0.name) ok" : "[-]\($0.name) failed" }
            text = (lines + ["readyz check \(isReady ? "passed" : "failed")"]).joined(separator: "\n") + "\n"
        }
        return .text(text, status: isReady ? 200 : 503)
    }

    /// `/version` in the shape of Kubernetes: clients compare `major` and `minor` with what they can.
    func version(_ call: Call) -> AdminResponse {
        .json(
            [
                "major": "1", "minor": "30", "gitVersion": .string("v1.30.0+gatehouse-\(configuration.version)"),
                "gitCommit": "", "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z", "goVersion": "",
                "compiler": "swift", "platform": "linux/amd64", "gatehouseVersion": .string(configuration.version),
            ],
            isPretty: call.isPretty
        )
    }

    func openAPI(_ call: Call) -> AdminResponse {
        .json(OpenAPIDocument.document(version: configuration.version), isPretty: call.isPretty)
    }

    /// `/ui/`: the files of the public directory, and nothing else. The policy lets a page load only what lies beside
    /// it.
    func page(_ call: Call) throws(StatusError) -> AdminResponse {
        if call.request.path == "/ui" {
            return AdminResponse(status: 308, headers: [("Location", "/ui/")])
        }
        guard let root = configuration.publicDirectory, let file = StaticFiles(root: root).file(at: call.rest) else {
            throw .notFound("there is no such page")
        }
        var headers = [("ETag", file.etag)]
        if call.request.header("if-none-match")?.contains(file.etag) == true {
            return AdminResponse(status: 304, headers: headers)
        }
        headers += [
            ("Content-Type", file.contentType),
            (
                "Content-Security-Policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
                    + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
            ),
            ("Referrer-Policy", "no-referrer"), ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
        ]
        return AdminResponse(status: 200, headers: headers, body: .bytes(file.bytes))
    }

    /// `GET /apis/gatehouse.io/v1/proxies`: who is connected, and with which configuration.
    func listProxies(_ call: Call) async throws(StatusError) -> AdminResponse {
        let proxies = await configuration.proxies().sorted { $0.name < $1.name }
        let list = ComputedList(
            kind: "Proxy",
            apiVersion: "gatehouse.io/v1",
            columns: ProxyReport.columns,
            items: proxies.map { ($0.json, $0.cells(now: configuration.now())) },
            metadata: ["resourceVersion": .string(String(configuration.store.current.resourceVersion))]
        )
        return try list.response(call)
    }
}

extension ProxyReport {
    fileprivate var json: JSONValue {
        var status: JSONObject = [
            "role": .string(role), "address": .string(address), "revision": .int(Int64(clamping: revision)),
            "synced": .bool(isSynced),
            "connectedAt": .string(Timestamp(secondsSinceEpoch: connectedAt).description),
        ]
        if !rejection.isEmpty { status["rejection"] = .string(rejection) }
        return [
            "kind": "Proxy", "apiVersion": "gatehouse.io/v1", "metadata": ["name": .string(name)],
            "status": .object(status),
        ]
    }

    fileprivate static let columns: [ComputedList.Column] = [
        .init(name: "Name"), .init(name: "Role"), .init(name: "Rev"), .init(name: "Synced"), .init(name: "Connected"),
        .init(name: "Address", isWide: true), .init(name: "Rejection", isWide: true),
    ]

    fileprivate func cells(now: Int64) -> JSONValue {
        [
            .string(name), .string(role), .string(String(revision)), .string(isSynced ? "True" : "False"),
            .string(Age.text(seconds: now - connectedAt)), .string(address), .string(rejection),
        ]
    }
}
