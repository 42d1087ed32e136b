// One row per field: two manifests that differ in that field alone. `docs/fields.md` lists them.

import Testing

/// What a row says: with the field the configuration of some proxy is another one than without.
struct FieldEffect: CustomTestStringConvertible, Sendable {
    var field: String
    var with: String
    var without: String
    var testDescription: String { field }
}

enum FieldEffects {
    private static func object(_ kind: String, _ spec: String, name: String = "x") -> String {
        let group = kind == "MeshConfig" ? "gatehouse.io/v1" : "networking.istio.io/v1"
        let id = kind == "MeshConfig" ? "default" : name
        return "apiVersion: \(group)\nkind: \(kind)\nmetadata: {name: \(id)}\nspec: \(spec)\n---\n"
    }

    // MARK: VirtualService

    private static let to = "route: [{destination: {host: web}}]"

    private static func http(_ field: String, _ with: String, _ without: String = "{\(to)}") -> FieldEffect {
        func rule(_ text: String) -> String { object("VirtualService", "{hosts: [web], http: [\(text)]}") }
        return FieldEffect(field: "VirtualService.http[].\(field)", with: rule(with), without: rule(without))
    }

    private static func match(_ field: String, _ with: String, _ without: String = "{}") -> FieldEffect {
        http("match[].\(field)", "{match: [\(with)], \(to)}", "{match: [\(without)], \(to)}")
    }

    private static func virtualService(_ field: String, _ with: String, _ without: String) -> FieldEffect {
        FieldEffect(
            field: "VirtualService.\(field)",
            with: object("VirtualService", with),
            without: object("VirtualService", without)
        )
    }

    private static func cors(_ field: String, _ text: String) -> FieldEffect {
        let origin = "allowOrigins: [{exact: \"https://a.example\"}]"
        return http(
            "corsPolicy.\(field)",
            "{\(to), corsPolicy: {\(origin), \(text)}}",
            "{\(to), corsPolicy: {\(origin)}}"
        )
    }

    private static func retries(_ field: String, _ text: String) -> FieldEffect {
        http("retries.\(field)", "{\(to), retries: {attempts: 3, \(text)}}", "{\(to), retries: {attempts: 3}}")
    }

    private static let routing: [FieldEffect] = [
        virtualService("hosts[]", "{hosts: [web], http: [{\(api)}]}", "{hosts: [other.example], http: [{\(api)}]}"),
        virtualService(
            "gateways[]",
            "{hosts: [web], gateways: [g], http: [{\(api)}]}",
            "{hosts: [web], http: [{\(api)}]}"
        ),
        virtualService(
            "exportTo[]",
            "{hosts: [web], exportTo: [other], http: [{\(api)}]}",
            "{hosts: [web], http: [{\(api)}]}"
        ),
        http("name", "{name: a, \(to)}"),
        match("name", "{name: a}"),
        match("uri", "{uri: {prefix: /a}}"),
        match("ignoreUriCase", "{uri: {prefix: /a}, ignoreUriCase: true}", "{uri: {prefix: /a}}"),
        match("scheme", "{scheme: {exact: https}}"),
        match("method", "{method: {exact: PUT}}"),
        match("authority", "{authority: {exact: a}}"),
        match("headers{}", "{headers: {a: {exact: b}}}"),
        match("withoutHeaders{}", "{withoutHeaders: {a: {exact: b}}}"),
        match("queryParams{}", "{queryParams: {a: {exact: b}}}"),
        match("port", "{port: 81}"),
        match("sourceLabels{}", "{sourceLabels: {app: nobody}}"),
        match("sourceNamespace", "{sourceNamespace: elsewhere}"),
        match("gateways[]", "{gateways: [g]}"),
        match("statPrefix", "{statPrefix: a}"),
        http("route[].destination.host", "{\(api)}"),
        http("route[].destination.subset", "{route: [{destination: {host: web, subset: v1}}]}"),
        http("route[].destination.port.number", "{route: [{destination: {host: web, port: {number: 81}}}]}"),
        http(
            "route[].weight",
            "{route: [{destination: {host: web}, weight: 9}, {destination: {host: api}, weight: 1}]}",
            "{route: [{destination: {host: web}, weight: 5}, {destination: {host: api}, weight: 5}]}"
        ),
        http("route[].headers", "{route: [{destination: {host: web}, headers: {request: {set: {a: b}}}}]}"),
        http("headers", "{\(to), headers: {response: {remove: [server]}}}"),
        http("redirect.uri", "{redirect: {uri: /a, authority: b}}", "{redirect: {authority: b}}"),
        http("redirect.authority", "{redirect: {uri: /a, authority: b}}", "{redirect: {uri: /a}}"),
        http("redirect.scheme", "{redirect: {uri: /a, scheme: https}}", "{redirect: {uri: /a}}"),
        http("redirect.port", "{redirect: {uri: /a, port: 81}}", "{redirect: {uri: /a}}"),
        http("redirect.derivePort", "{redirect: {uri: /a, derivePort: FROM_REQUEST_PORT}}", "{redirect: {uri: /a}}"),
        http("redirect.redirectCode", "{redirect: {uri: /a, redirectCode: 307}}", "{redirect: {uri: /a}}"),
        http(
            "redirect.prefixRewrite",
            "{match: [{uri: {prefix: /a}}], redirect: {prefixRewrite: /b}}",
            "{match: [{uri: {prefix: /a}}], redirect: {uri: /b}}"
        ),
        http("directResponse.status", "{directResponse: {status: 418}}", "{directResponse: {status: 200}}"),
        http(
            "directResponse.body.string",
            "{directResponse: {status: 200, body: {string: a}}}",
            "{directResponse: {status: 200}}"
        ),
        http(
            "directResponse.body.bytes",
            "{directResponse: {status: 200, body: {bytes: YQ==}}}",
            "{directResponse: {status: 200}}"
        ),
        http("rewrite.uri", "{\(to), rewrite: {uri: /a}}"),
        http("rewrite.authority", "{\(to), rewrite: {authority: a}}"),
        http("rewrite.uriRegexRewrite.match", "{\(to), rewrite: {uriRegexRewrite: {match: a, rewrite: b}}}"),
        http(
            "rewrite.uriRegexRewrite.rewrite",
            "{\(to), rewrite: {uriRegexRewrite: {match: a, rewrite: b}}}",
            "{\(to), rewrite: {uriRegexRewrite: {match: a, rewrite: c}}}"
        ),
        http("timeout", "{\(to), timeout: 3s}"),
        http("retries.attempts", "{\(to), retries: {attempts: 3}}", "{\(to), retries: {attempts: 4}}"),
        retries("perTryTimeout", "perTryTimeout: 1s"),
        retries("retryOn", "retryOn: 5xx"),
        retries("backoff", "backoff: 1s"),
        retries("retryRemoteLocalities", "retryRemoteLocalities: true"),
        retries("retryIgnorePreviousHosts", "retryIgnorePreviousHosts: false"),
        http(
            "fault.delay.fixedDelay",
            "{\(to), fault: {delay: {fixedDelay: 1s}}}",
            "{\(to), fault: {delay: {fixedDelay: 2s}}}"
        ),
        http(
            "fault.delay.percentage.value",
            "{\(to), fault: {delay: {fixedDelay: 1s, percentage: {value: 50}}}}",
            "{\(to), fault: {delay: {fixedDelay: 1s}}}"
        ),
        http(
            "fault.delay.percent",
            "{\(to), fault: {delay: {fixedDelay: 1s, percent: 50}}}",
            "{\(to), fault: {delay: {fixedDelay: 1s}}}"
        ),
        http("fault.abort.httpStatus", "{\(to), fault: {abort: {httpStatus: 500, percentage: {value: 100}}}}"),
        http("fault.abort.grpcStatus", "{\(to), fault: {abort: {grpcStatus: ABORTED, percentage: {value: 100}}}}"),
        http(
            "fault.abort.percentage.value",
            "{\(to), fault: {abort: {httpStatus: 500, percentage: {value: 50}}}}",
            "{\(to), fault: {abort: {httpStatus: 500, percentage: {value: 100}}}}"
        ),
        http("mirror", "{\(to), mirror: {host: api}}"),
        http(
            "mirrorPercentage.value",
            "{\(to), mirror: {host: api}, mirrorPercentage: {value: 5}}",
            "{\(to), mirror: {host: api}}"
        ),
        http("mirrorPercent", "{\(to), mirror: {host: api}, mirrorPercent: 5}", "{\(to), mirror: {host: api}}"),
        http("mirror_percent", "{\(to), mirror: {host: api}, mirror_percent: 5}", "{\(to), mirror: {host: api}}"),
        http("mirrors[].destination", "{\(to), mirrors: [{destination: {host: api}}]}"),
        http(
            "mirrors[].percentage.value",
            "{\(to), mirrors: [{destination: {host: api}, percentage: {value: 5}}]}",
            "{\(to), mirrors: [{destination: {host: api}}]}"
        ),
        http("corsPolicy.allowOrigins[]", "{\(to), corsPolicy: {allowOrigins: [{prefix: a}]}}"),
        http("corsPolicy.allowOrigin[]", "{\(to), corsPolicy: {allowOrigin: [a]}}"),
        cors("allowMethods[]", "allowMethods: [PUT]"),
        cors("allowHeaders[]", "allowHeaders: [a]"),
        cors("exposeHeaders[]", "exposeHeaders: [a]"),
        cors("maxAge", "maxAge: 5s"),
        cors("allowCredentials", "allowCredentials: true"),
        cors("unmatchedPreflights", "unmatchedPreflights: IGNORE"),
        http("delegate.name", "{delegate: {name: inner}}", "{delegate: {name: missing}}"),
        http("delegate.namespace", "{delegate: {name: inner, namespace: elsewhere}}", "{delegate: {name: inner}}"),
    ]

    private static let api = "route: [{destination: {host: api}}]"

    // MARK: TLS and TCP rules

    private static func tls(_ field: String, _ with: String, _ without: String) -> FieldEffect {
        virtualService(
            "tls[].\(field)",
            "{hosts: [\(name), a.\(name)], tls: [\(with)]}",
            "{hosts: [\(name), a.\(name)], tls: [\(without)]}"
        )
    }

    private static func tcp(
        _ field: String,
        _ with: String,
        _ without: String = "{route: [{destination: {host: web}}]}"
    )
        -> FieldEffect
    {
        virtualService("tcp[].\(field)", "{hosts: [db], tcp: [\(with)]}", "{hosts: [db], tcp: [\(without)]}")
    }

    private static let toWeb = "route: [{destination: {host: web}}]"
    private static let name = "safe.default.svc.cluster.local"

    private static let tunnels: [FieldEffect] = [
        tls(
            "match[].sniHosts[]",
            "{match: [{sniHosts: [\(name)]}], \(toWeb)}",
            "{match: [{sniHosts: [a.\(name)]}], \(toWeb)}"
        ),
        tls(
            "match[].port",
            "{match: [{sniHosts: [\(name)], port: 443}], \(toWeb)}",
            "{match: [{sniHosts: [\(name)], port: 444}], \(toWeb)}"
        ),
        tls(
            "match[].sourceLabels{}",
            "{match: [{sniHosts: [\(name)], sourceLabels: {app: nobody}}], \(toWeb)}",
            "{match: [{sniHosts: [\(name)]}], \(toWeb)}"
        ),
        tls(
            "match[].sourceNamespace",
            "{match: [{sniHosts: [\(name)], sourceNamespace: elsewhere}], \(toWeb)}",
            "{match: [{sniHosts: [\(name)]}], \(toWeb)}"
        ),
        tls(
            "match[].gateways[]",
            "{match: [{sniHosts: [\(name)], gateways: [g]}], \(toWeb)}",
            "{match: [{sniHosts: [\(name)]}], \(toWeb)}"
        ),
        tls("route[]", "{match: [{sniHosts: [\(name)]}], \(toWeb)}", "{match: [{sniHosts: [\(name)]}], \(api)}"),
        tcp("route[]", "{\(api)}"),
        tcp("match[].port", "{match: [{port: 81}], \(toWeb)}"),
        tcp("match[].sourceLabels{}", "{match: [{sourceLabels: {app: nobody}}], \(toWeb)}"),
        tcp("match[].sourceNamespace", "{match: [{sourceNamespace: elsewhere}], \(toWeb)}"),
        tcp("match[].gateways[]", "{match: [{gateways: [g]}], \(toWeb)}"),
    ]

    // MARK: DestinationRule

    private static func policy(_ field: String, _ with: String, _ without: String = "{connectionPool: {tcp: {}}}")
        -> FieldEffect
    {
        FieldEffect(
            field: "DestinationRule.trafficPolicy.\(field)",
            with: object("DestinationRule", "{host: web, trafficPolicy: \(with)}"),
            without: object("DestinationRule", "{host: web, trafficPolicy: \(without)}")
        )
    }

    private static func pool(_ field: String, _ text: String) -> FieldEffect {
        policy("connectionPool.\(field)", "{connectionPool: \(text)}")
    }

    private static func hash(_ field: String, _ with: String, _ without: String = "{httpHeaderName: a}") -> FieldEffect
    {
        policy(
            "loadBalancer.consistentHash.\(field)",
            "{loadBalancer: {consistentHash: \(with)}}",
            "{loadBalancer: {consistentHash: \(without)}}"
        )
    }

    private static func ejection(_ field: String, _ text: String) -> FieldEffect {
        policy(
            "outlierDetection.\(field)",
            "{outlierDetection: {splitExternalLocalOriginErrors: true, \(text)}}",
            "{outlierDetection: {splitExternalLocalOriginErrors: true}}"
        )
    }

    private static func place(_ field: String, _ with: String, _ without: String) -> FieldEffect {
        let ejects = "outlierDetection: {consecutive5xxErrors: 5}"
        return policy(
            "loadBalancer.\(field)",
            "{\(ejects), loadBalancer: \(with)}",
            "{\(ejects), loadBalancer: \(without)}"
        )
    }

    private static let cookie = "name: a, ttl: 5s"

    private static let destinations: [FieldEffect] = [
        FieldEffect(
            field: "DestinationRule.host",
            with: object("DestinationRule", "{host: web, trafficPolicy: {loadBalancer: {simple: RANDOM}}}"),
            without: object("DestinationRule", "{host: db, trafficPolicy: {loadBalancer: {simple: RANDOM}}}")
        ),
        FieldEffect(
            field: "DestinationRule.exportTo[]",
            with: object(
                "DestinationRule",
                "{host: web, exportTo: [.], trafficPolicy: {loadBalancer: {simple: RANDOM}}}"
            ),
            without: object("DestinationRule", "{host: web, trafficPolicy: {loadBalancer: {simple: RANDOM}}}")
        ),
        FieldEffect(
            field: "DestinationRule.workloadSelector.matchLabels{}",
            with: object(
                "DestinationRule",
                "{host: web, exportTo: [.], workloadSelector: {matchLabels: {app: nobody}}, "
                    + "trafficPolicy: {loadBalancer: {simple: RANDOM}}}"
            ),
            without: object(
                "DestinationRule",
                "{host: web, exportTo: [.], trafficPolicy: {loadBalancer: {simple: RANDOM}}}"
            )
        ),
        pool("tcp.maxConnections", "{tcp: {maxConnections: 5}}"),
        pool("tcp.connectTimeout", "{tcp: {connectTimeout: 5s}}"),
        pool("tcp.idleTimeout", "{tcp: {idleTimeout: 5s}}"),
        pool("tcp.maxConnectionDuration", "{tcp: {maxConnectionDuration: 5s}}"),
        pool("tcp.tcpKeepalive.probes", "{tcp: {tcpKeepalive: {probes: 5}}}"),
        pool("tcp.tcpKeepalive.time", "{tcp: {tcpKeepalive: {time: 5s}}}"),
        pool("tcp.tcpKeepalive.interval", "{tcp: {tcpKeepalive: {interval: 5s}}}"),
        pool("http.http1MaxPendingRequests", "{http: {http1MaxPendingRequests: 5}}"),
        pool("http.http2MaxRequests", "{http: {http2MaxRequests: 5}}"),
        pool("http.maxRequestsPerConnection", "{http: {maxRequestsPerConnection: 5}}"),
        pool("http.maxRetries", "{http: {maxRetries: 5}}"),
        pool("http.idleTimeout", "{http: {idleTimeout: 5s}}"),
        pool("http.h2UpgradePolicy", "{http: {h2UpgradePolicy: UPGRADE}}"),
        pool("http.useClientProtocol", "{http: {useClientProtocol: true}}"),
        policy(
            "connectionPool.http.maxConcurrentStreams",
            "{connectionPool: {http: {h2UpgradePolicy: UPGRADE, maxConcurrentStreams: 5}}}",
            "{connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}"
        ),
        policy(
            "connectionPool.http.http2KeepAlive.interval",
            "{connectionPool: {http: {h2UpgradePolicy: UPGRADE, http2KeepAlive: {interval: 5s, timeout: 1s}}}}",
            "{connectionPool: {http: {h2UpgradePolicy: UPGRADE, http2KeepAlive: {interval: 6s, timeout: 1s}}}}"
        ),
        policy(
            "connectionPool.http.http2KeepAlive.timeout",
            "{connectionPool: {http: {h2UpgradePolicy: UPGRADE, http2KeepAlive: {interval: 5s, timeout: 1s}}}}",
            "{connectionPool: {http: {h2UpgradePolicy: UPGRADE, http2KeepAlive: {interval: 5s, timeout: 2s}}}}"
        ),
        policy("loadBalancer.simple", "{loadBalancer: {simple: RANDOM}}"),
        hash("httpHeaderName", "{httpHeaderName: b}"),
        hash("httpQueryParameterName", "{httpQueryParameterName: a}"),
        hash("useSourceIp", "{useSourceIp: true}"),
        hash("httpCookie.name", "{httpCookie: {name: b}}", "{httpCookie: {name: a}}"),
        hash("httpCookie.ttl", "{httpCookie: {name: a, ttl: 5s}}", "{httpCookie: {name: a}}"),
        hash("httpCookie.path", "{httpCookie: {\(cookie), path: /a}}", "{httpCookie: {\(cookie)}}"),
        hash(
            "httpCookie.attributes[].name",
            "{httpCookie: {\(cookie), attributes: [{name: Secure}]}}",
            "{httpCookie: {\(cookie)}}"
        ),
        hash(
            "httpCookie.attributes[].value",
            "{httpCookie: {\(cookie), attributes: [{name: b, value: c}]}}",
            "{httpCookie: {\(cookie), attributes: [{name: b}]}}"
        ),
        hash("ringHash.minimumRingSize", "{httpHeaderName: a, ringHash: {minimumRingSize: 5000}}"),
        hash("minimumRingSize", "{httpHeaderName: a, minimumRingSize: 5000}"),
        hash("maglev.tableSize", "{httpHeaderName: a, maglev: {tableSize: 251}}"),
        policy(
            "loadBalancer.warmup.duration",
            "{loadBalancer: {simple: ROUND_ROBIN, warmup: {duration: 5s}}}",
            "{loadBalancer: {simple: ROUND_ROBIN}}"
        ),
        policy(
            "loadBalancer.warmup.minimumPercent",
            "{loadBalancer: {simple: ROUND_ROBIN, warmup: {duration: 5s, minimumPercent: 5}}}",
            "{loadBalancer: {simple: ROUND_ROBIN, warmup: {duration: 5s}}}"
        ),
        policy(
            "loadBalancer.warmup.aggression",
            "{loadBalancer: {simple: ROUND_ROBIN, warmup: {duration: 5s, aggression: 2}}}",
            "{loadBalancer: {simple: ROUND_ROBIN, warmup: {duration: 5s}}}"
        ),
        policy(
            "loadBalancer.warmupDurationSecs",
            "{loadBalancer: {simple: ROUND_ROBIN, warmupDurationSecs: 5s}}",
            "{loadBalancer: {simple: ROUND_ROBIN}}"
        ),
        place(
            "localityLbSetting.enabled",
            "{localityLbSetting: {enabled: false}}",
            "{localityLbSetting: {enabled: true}}"
        ),
        place(
            "localityLbSetting.distribute[].from",
            "{localityLbSetting: {distribute: [{from: eu/*, to: {us/*: 100}}]}}",
            "{localityLbSetting: {distribute: [{from: us/*, to: {us/*: 100}}]}}"
        ),
        place(
            "localityLbSetting.distribute[].to{}",
            "{localityLbSetting: {distribute: [{from: eu/*, to: {us/*: 100}}]}}",
            "{localityLbSetting: {distribute: [{from: eu/*, to: {asia/*: 100}}]}}"
        ),
        place(
            "localityLbSetting.failover[].from",
            "{localityLbSetting: {failover: [{from: eu, to: us}]}}",
            "{localityLbSetting: {failover: [{from: asia, to: us}]}}"
        ),
        place(
            "localityLbSetting.failover[].to",
            "{localityLbSetting: {failover: [{from: eu, to: us}]}}",
            "{localityLbSetting: {failover: [{from: eu, to: asia}]}}"
        ),
        place(
            "localityLbSetting.failoverPriority[]",
            "{localityLbSetting: {failoverPriority: [version]}}",
            "{localityLbSetting: {enabled: true}}"
        ),
        place(
            "zoneAwareLbSetting.enabled",
            "{zoneAwareLbSetting: {enabled: true}}",
            "{zoneAwareLbSetting: {enabled: false}}"
        ),
        place(
            "zoneAwareLbSetting.minClusterSize",
            "{zoneAwareLbSetting: {enabled: true, minClusterSize: 3}}",
            "{zoneAwareLbSetting: {enabled: true}}"
        ),
        place(
            "zoneAwareLbSetting.failover[].from",
            "{zoneAwareLbSetting: {enabled: true, failover: [{from: eu, to: us}]}}",
            "{zoneAwareLbSetting: {enabled: true, failover: [{from: asia, to: us}]}}"
        ),
        place(
            "zoneAwareLbSetting.failover[].to",
            "{zoneAwareLbSetting: {enabled: true, failover: [{from: eu, to: us}]}}",
            "{zoneAwareLbSetting: {enabled: true, failover: [{from: eu, to: asia}]}}"
        ),
        place(
            "zoneAwareLbSetting.failoverPriority[]",
            "{zoneAwareLbSetting: {enabled: true, failoverPriority: [version]}}",
            "{zoneAwareLbSetting: {enabled: true}}"
        ),
        ejection("consecutive5xxErrors", "consecutive5xxErrors: 3"),
        ejection("consecutiveGatewayErrors", "consecutiveGatewayErrors: 3"),
        ejection("consecutiveLocalOriginFailures", "consecutiveLocalOriginFailures: 3"),
        policy(
            "outlierDetection.splitExternalLocalOriginErrors",
            "{outlierDetection: {splitExternalLocalOriginErrors: true}}",
            "{outlierDetection: {}}"
        ),
        ejection("interval", "interval: 3s"),
        ejection("baseEjectionTime", "baseEjectionTime: 3s"),
        ejection("maxEjectionPercent", "maxEjectionPercent: 3"),
        ejection("minHealthPercent", "minHealthPercent: 3"),
        ejection("outlierDetectionHttpErrorCodes[]", "outlierDetectionHttpErrorCodes: [429]"),
        policy("retryBudget.percent", "{retryBudget: {percent: 5}}", "{retryBudget: {percent: 6}}"),
        policy(
            "retryBudget.minRetryConcurrency",
            "{retryBudget: {minRetryConcurrency: 5}}",
            "{retryBudget: {percent: 20}}"
        ),
        policy(
            "portLevelSettings[]",
            "{loadBalancer: {simple: RANDOM}, "
                + "portLevelSettings: [{port: {number: 80}, loadBalancer: {simple: ROUND_ROBIN}}]}",
            "{loadBalancer: {simple: RANDOM}}"
        ),
        policy("tls.mode", "{tls: {mode: SIMPLE, sni: a}}", "{tls: {mode: DISABLE}}"),
        policy("tls.sni", "{tls: {mode: SIMPLE, sni: a.example}}", "{tls: {mode: SIMPLE}}"),
        policy("tls.subjectAltNames[]", "{tls: {mode: SIMPLE, subjectAltNames: [a]}}", "{tls: {mode: SIMPLE}}"),
        policy("tls.caCertificates", "{tls: {mode: SIMPLE, caCertificates: /certs/ca.pem}}", "{tls: {mode: SIMPLE}}"),
        policy("tls.insecureSkipVerify", "{tls: {mode: SIMPLE, insecureSkipVerify: true}}", "{tls: {mode: SIMPLE}}"),
    ]

    static let all = routing + tunnels + destinations + FieldEffectsOfRegistry.all
}
