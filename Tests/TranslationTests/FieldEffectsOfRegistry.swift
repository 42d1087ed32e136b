/// Rows of ServiceEntry, WorkloadEntry, Sidecar, Gateway, and of policies that need a scene of their own.
enum FieldEffectsOfRegistry {
    private static func document(_ kind: String, _ spec: String, name: String = "x", labels: String = "") -> String {
        let meta = labels.isEmpty ? "{name: \(name)}" : "{name: \(name), labels: \(labels)}"
        return "apiVersion: networking.istio.io/v1\nkind: \(kind)\nmetadata: \(meta)\nspec: \(spec)\n---\n"
    }

    private static func row(_ field: String, _ kind: String, _ with: String, _ without: String) -> FieldEffect {
        FieldEffect(field: "\(kind).\(field)", with: document(kind, with), without: document(kind, without))
    }

    // MARK: ServiceEntry

    private static let port = "{number: 80, name: http, protocol: HTTP}"

    private static func entry(_ field: String, _ with: String, _ without: String) -> FieldEffect {
        row(field, "ServiceEntry", "{\(with)}", "{\(without)}")
    }

    private static let entries: [FieldEffect] = [
        entry(
            "hosts[]",
            "hosts: [a.example], resolution: DNS, ports: [\(port)]",
            "hosts: [b.example], resolution: DNS, ports: [\(port)]"
        ),
        entry(
            "addresses[]",
            "hosts: [a.example], addresses: [10.9.9.9], resolution: DNS, ports: [\(port)]",
            "hosts: [a.example], resolution: DNS, ports: [\(port)]"
        ),
        entry(
            "resolution",
            "hosts: [a.example], resolution: DNS, ports: [\(port)]",
            "hosts: [a.example], resolution: DNS_ROUND_ROBIN, ports: [\(port)]"
        ),
        entry(
            "location",
            "hosts: [safe-ext.example], location: MESH_INTERNAL, resolution: STATIC, ports: [\(port)], "
                + "endpoints: [{address: 10.1.1.1, labels: {security.istio.io/tlsMode: istio}}]",
            "hosts: [safe-ext.example], location: MESH_EXTERNAL, resolution: STATIC, ports: [\(port)], "
                + "endpoints: [{address: 10.1.1.1, labels: {security.istio.io/tlsMode: istio}}]"
        ),
        entry(
            "exportTo[]",
            "hosts: [a.example], exportTo: [elsewhere], resolution: DNS, ports: [\(port)]",
            "hosts: [a.example], resolution: DNS, ports: [\(port)]"
        ),
        entry(
            "ports[].number",
            "hosts: [a.example], resolution: DNS, ports: [{number: 81, name: http, protocol: HTTP}]",
            "hosts: [a.example], resolution: DNS, ports: [\(port)]"
        ),
        entry(
            "ports[].name",
            "hosts: [a.example], resolution: STATIC, ports: [{number: 80, name: other, protocol: HTTP}], "
                + "endpoints: [{address: 10.1.1.1, ports: {other: 5}}]",
            "hosts: [a.example], resolution: STATIC, ports: [\(port)], "
                + "endpoints: [{address: 10.1.1.1, ports: {http: 6}}]"
        ),
        entry(
            "ports[].protocol",
            "hosts: [a.example], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP2}]",
            "hosts: [a.example], resolution: DNS, ports: [\(port)]"
        ),
        entry(
            "ports[].targetPort",
            "hosts: [a.example], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]",
            "hosts: [a.example], resolution: DNS, ports: [\(port)]"
        ),
        entry(
            "endpoints[]",
            "hosts: [a.example], resolution: DNS, ports: [\(port)], endpoints: [{address: b.example}]",
            "hosts: [a.example], resolution: DNS, ports: [\(port)]"
        ),
        entry(
            "workloadSelector.labels{}",
            "hosts: [a.example], location: MESH_INTERNAL, resolution: STATIC, ports: [\(port)], "
                + "workloadSelector: {labels: {app: web}}",
            "hosts: [a.example], location: MESH_INTERNAL, resolution: STATIC, ports: [\(port)], "
                + "workloadSelector: {labels: {app: nobody}}"
        ),
        FieldEffect(
            field: "ServiceEntry.subjectAltNames[]",
            with: secure
                + document(
                    "ServiceEntry",
                    "{hosts: [a.example], subjectAltNames: [n], resolution: DNS, ports: [\(port)]}"
                ),
            without: secure + document("ServiceEntry", "{hosts: [a.example], resolution: DNS, ports: [\(port)]}")
        ),
    ]

    private static let secure = document(
        "DestinationRule",
        "{host: a.example, trafficPolicy: {tls: {mode: SIMPLE, sni: a.example}}}",
        name: "secure"
    )

    // MARK: WorkloadEntry

    private static func workload(_ field: String, _ with: String, _ without: String) -> FieldEffect {
        func manifest(_ spec: String) -> String {
            let labels = "{app: web, security.istio.io/tlsMode: istio}"
            return document("WorkloadEntry", "{labels: \(labels), \(spec)}", name: "web-9", labels: "{app: web}")
        }
        return FieldEffect(field: "WorkloadEntry.\(field)", with: manifest(with), without: manifest(without))
    }

    private static let workloads: [FieldEffect] = [
        workload("address", "address: 10.0.0.9", "address: 10.0.0.10"),
        workload("ports{}", "address: 10.0.0.9, ports: {http: 9}", "address: 10.0.0.9"),
        workload("weight", "address: 10.0.0.9, weight: 9", "address: 10.0.0.9"),
        workload("locality", "address: 10.0.0.9, locality: eu/z/9", "address: 10.0.0.9"),
        workload(
            "serviceAccount",
            "address: 10.0.0.9, serviceAccount: a",
            "address: 10.0.0.9"
        ),
        FieldEffect(
            field: "WorkloadEntry.labels{}",
            with: document("WorkloadEntry", "{address: 10.0.0.9, labels: {app: web}}", name: "web-9"),
            without: document("WorkloadEntry", "{address: 10.0.0.9}", name: "web-9")
        ),
    ]

    // MARK: Sidecar

    private static func sidecar(_ field: String, _ with: String, _ without: String) -> FieldEffect {
        row(field, "Sidecar", "{\(with)}", "{\(without)}")
    }

    private static let everything = "egress: [{hosts: [\"*/*\"]}]"
    private static let viaProxy =
        "outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: api.default.svc.cluster.local"
    private static let listener = "port: {number: 9000, name: http, protocol: HTTP}"

    private static func ingress(_ field: String, _ with: String, _ without: String? = nil) -> FieldEffect {
        sidecar("ingress[].\(field)", "ingress: [{\(with)}]", "ingress: [{\(without ?? listener)}]")
    }

    private static let sidecars: [FieldEffect] = [
        sidecar(
            "workloadSelector.labels{}",
            "workloadSelector: {labels: {app: nobody}}, egress: [{hosts: [\"~/*\"]}]",
            "egress: [{hosts: [\"~/*\"]}]"
        ),
        sidecar("egress[].hosts[]", "egress: [{hosts: [\"*/web.default.svc.cluster.local\"]}]", everything),
        sidecar(
            "egress[].port.number",
            "egress: [{port: {number: 9001, name: http, protocol: HTTP}, hosts: [\"*/*\"]}]",
            "egress: [{port: {number: 9002, name: http, protocol: HTTP}, hosts: [\"*/*\"]}]"
        ),
        sidecar(
            "egress[].port.protocol",
            "egress: [{port: {number: 5432, name: a, protocol: TCP}, hosts: [\"*/*\"]}]",
            "egress: [{port: {number: 5432, name: a, protocol: HTTP}, hosts: [\"*/*\"]}]"
        ),
        sidecar(
            "egress[].bind",
            "egress: [{bind: 127.0.0.9, port: {number: 9001, name: http, protocol: HTTP}, hosts: [\"*/*\"]}]",
            "egress: [{port: {number: 9001, name: http, protocol: HTTP}, hosts: [\"*/*\"]}]"
        ),
        sidecar(
            "outboundTrafficPolicy.mode",
            "\(everything), outboundTrafficPolicy: {mode: REGISTRY_ONLY}",
            "\(everything), outboundTrafficPolicy: {mode: ALLOW_ANY}"
        ),
        sidecar(
            "outboundTrafficPolicy.egressProxy.host",
            "\(everything), \(viaProxy), port: {number: 80}}}",
            "\(everything), outboundTrafficPolicy: {mode: ALLOW_ANY}"
        ),
        sidecar(
            "outboundTrafficPolicy.egressProxy.port.number",
            "\(everything), \(viaProxy), port: {number: 81}}}",
            "\(everything), \(viaProxy), port: {number: 80}}}"
        ),
        sidecar(
            "outboundTrafficPolicy.egressProxy.subset",
            "\(everything), \(viaProxy), subset: a, port: {number: 80}}}",
            "\(everything), \(viaProxy), port: {number: 80}}}"
        ),
        ingress("port.number", "port: {number: 9003, name: http, protocol: HTTP}"),
        ingress("port.protocol", "port: {number: 9000, name: http, protocol: TCP}"),
        ingress("bind", "\(listener), bind: 127.0.0.9"),
        ingress("defaultEndpoint", "\(listener), defaultEndpoint: \"127.0.0.1:5\""),
        ingress("connectionPool", "\(listener), connectionPool: {tcp: {maxConnections: 5}}"),
        ingress(
            "tls",
            "port: {number: 9000, name: https, protocol: HTTPS}, "
                + "tls: {mode: SIMPLE, serverCertificate: /certs/tls.crt, privateKey: /certs/tls.key}",
            "port: {number: 9000, name: https, protocol: HTTPS}"
        ),
        sidecar(
            "inboundConnectionPool",
            "ingress: [{\(listener)}], inboundConnectionPool: {tcp: {maxConnections: 5}}",
            "ingress: [{\(listener)}]"
        ),
    ]

    // MARK: Gateway

    private static func gateway(_ selector: String, _ server: String) -> String {
        document("Gateway", "{selector: \(selector), servers: [{\(server)}]}", name: "front")
            + document(
                "VirtualService",
                "{hosts: [\"*\"], gateways: [front], http: [{route: [{destination: {host: web}}]}]}",
                name: "front"
            )
    }

    private static let ingressgateway = "{istio: ingressgateway}"
    private static let plain = "port: {number: 80, name: http, protocol: HTTP}, hosts: [a.example]"
    private static let files = "serverCertificate: /certs/tls.crt, privateKey: /certs/tls.key"

    private static func server(_ field: String, _ with: String, _ without: String = plain) -> FieldEffect {
        FieldEffect(
            field: "Gateway.servers[].\(field)",
            with: gateway(ingressgateway, with),
            without: gateway(ingressgateway, without)
        )
    }

    private static func tls(_ field: String, _ with: String, _ without: String = "mode: SIMPLE, \(files)")
        -> FieldEffect
    {
        let port = "port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.example]"
        return server("tls.\(field)", "\(port), tls: {\(with)}", "\(port), tls: {\(without)}")
    }

    private static let gateways: [FieldEffect] = [
        FieldEffect(
            field: "Gateway.selector{}",
            with: gateway("{istio: nobody}", plain),
            without: gateway(ingressgateway, plain)
        ),
        server("hosts[]", "port: {number: 80, name: http, protocol: HTTP}, hosts: [b.example]"),
        server("port.number", "port: {number: 81, name: http, protocol: HTTP}, hosts: [a.example]"),
        server("port.protocol", "port: {number: 80, name: http, protocol: TCP}, hosts: [a.example]"),
        server("bind", "\(plain), bind: 127.0.0.9"),
        server("tls.httpsRedirect", "\(plain), tls: {httpsRedirect: true}"),
        server(
            "port.name",
            "port: {number: 443, name: a, protocol: HTTPS}, hosts: [a.example], tls: {mode: SIMPLE, \(files)}",
            "port: {number: 443, name: b, protocol: HTTPS}, hosts: [a.example], tls: {mode: SIMPLE, \(files)}"
        ),
        tls("mode", "mode: MUTUAL, \(files), caCertificates: /certs/ca.pem"),
        tls(
            "caCertificates",
            "mode: MUTUAL, \(files), caCertificates: /certs/ca.pem",
            "mode: MUTUAL, \(files), caCertificates: /certs/other.pem"
        ),
        tls("serverCertificate", "mode: SIMPLE, serverCertificate: /certs/ca.pem, privateKey: /certs/tls.key"),
        tls("privateKey", "mode: SIMPLE, serverCertificate: /certs/tls.crt, privateKey: /certs/other.pem"),
        tls("credentialName", "mode: SIMPLE, credentialName: a", "mode: SIMPLE, credentialName: b"),
        tls("credentialNames[]", "mode: SIMPLE, credentialNames: [a, b]", "mode: SIMPLE, credentialNames: [a]"),
        tls(
            "caCertCredentialName",
            "mode: MUTUAL, credentialName: a, caCertCredentialName: b",
            "mode: MUTUAL, credentialName: a"
        ),
        tls(
            "tlsCertificates[].serverCertificate",
            "mode: SIMPLE, tlsCertificates: [{serverCertificate: /certs/ca.pem, privateKey: /certs/tls.key}]",
            "mode: SIMPLE, tlsCertificates: [{\(files)}]"
        ),
        tls(
            "tlsCertificates[].privateKey",
            "mode: SIMPLE, tlsCertificates: [{serverCertificate: /certs/tls.crt, privateKey: /certs/other.pem}]",
            "mode: SIMPLE, tlsCertificates: [{\(files)}]"
        ),
        tls(
            "subjectAltNames[]",
            "mode: MUTUAL, \(files), caCertificates: /certs/ca.pem, subjectAltNames: [a]",
            "mode: MUTUAL, \(files), caCertificates: /certs/ca.pem"
        ),
        tls("minProtocolVersion", "mode: SIMPLE, \(files), minProtocolVersion: TLSV1_3"),
        tls("maxProtocolVersion", "mode: SIMPLE, \(files), maxProtocolVersion: TLSV1_2"),
        tls("cipherSuites[]", "mode: SIMPLE, \(files), cipherSuites: [ECDHE-RSA-AES128-GCM-SHA256]"),
    ]

    // MARK: what needs a scene

    private static func db(_ policy: String) -> String {
        document("DestinationRule", "{host: db, trafficPolicy: \(policy)}", name: "db")
            + document(
                "Sidecar",
                "{egress: [{port: {number: 5432, name: tcp, protocol: TCP}, hosts: [\"*/*\"]}, {hosts: [\"*/*\"]}]}"
            )
    }

    private static func tunnel(_ field: String, _ with: String) -> FieldEffect {
        FieldEffect(
            field: "DestinationRule.trafficPolicy.tunnel.\(field)",
            with: db("{tunnel: {\(with)}}"),
            without: db("{tunnel: {targetHost: a.example, targetPort: 5}}")
        )
    }

    private static func subset(_ field: String, _ with: String, _ without: String) -> FieldEffect {
        func manifest(_ text: String) -> String {
            document("DestinationRule", "{host: web, subsets: [{\(text)}]}", name: "web")
                + document(
                    "VirtualService",
                    "{hosts: [web], http: [{route: [{destination: {host: web, subset: v1}}]}]}",
                    name: "web"
                )
        }
        return FieldEffect(
            field: "DestinationRule.subsets[].\(field)",
            with: manifest(with),
            without: manifest(without)
        )
    }

    private static func client(_ field: String, _ with: String, _ without: String) -> FieldEffect {
        func manifest(_ tls: String) -> String {
            document("DestinationRule", "{host: web, trafficPolicy: {tls: {\(tls)}}}", name: "web")
                + gateway(ingressgateway, plain)
        }
        return FieldEffect(
            field: "DestinationRule.trafficPolicy.tls.\(field)",
            with: manifest(with),
            without: manifest(without)
        )
    }

    private static let mutual = "mode: MUTUAL, clientCertificate: /certs/tls.crt, privateKey: /certs/tls.key"

    private static let scenes: [FieldEffect] = [
        tunnel("targetHost", "targetHost: b.example, targetPort: 5"),
        tunnel("targetPort", "targetHost: a.example, targetPort: 6"),
        tunnel("protocol", "protocol: POST, targetHost: a.example, targetPort: 5"),
        subset("name", "name: v1, labels: {version: v1}", "name: v2, labels: {version: v1}"),
        subset("labels{}", "name: v1, labels: {version: v1}", "name: v1, labels: {version: v2}"),
        subset(
            "trafficPolicy",
            "name: v1, labels: {version: v1}, trafficPolicy: {loadBalancer: {simple: RANDOM}}",
            "name: v1, labels: {version: v1}"
        ),
        client(
            "clientCertificate",
            mutual,
            "mode: MUTUAL, clientCertificate: /certs/ca.pem, privateKey: /certs/tls.key"
        ),
        client("privateKey", mutual, "mode: MUTUAL, clientCertificate: /certs/tls.crt, privateKey: /certs/other.pem"),
        client("credentialName", "mode: MUTUAL, credentialName: a", "mode: MUTUAL, credentialName: b"),
    ]

    static let all = entries + workloads + sidecars + gateways + scenes
}
