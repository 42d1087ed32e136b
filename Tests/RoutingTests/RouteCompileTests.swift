import HTTP
import Routing
import Testing
import XDS

@Suite struct RouteCompileTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var path: String
        var configuration: RouteConfiguration
        var testDescription: String { path }

        init(_ path: String, _ route: Route) {
            self.path = path
            configuration = RouteConfiguration(
                name: "t",
                virtualHosts: [VirtualHost(name: "a", domains: ["*"], routes: [route])]
            )
        }

        init(_ path: String, hosts: [VirtualHost]) {
            self.path = path
            configuration = RouteConfiguration(name: "t", virtualHosts: hosts)
        }
    }

    static let prefix = RouteMatch(path: .prefix("/"))

    static let rows: [Row] = [
        Row("virtual_hosts[0].routes[0].match.safe_regex", Make.route(RouteMatch(path: .regex("(")), to: "a")),
        Row(
            "virtual_hosts[0].routes[0].match.headers[0].safe_regex",
            Make.route(
                RouteMatch(
                    path: .prefix("/"),
                    headers: [HeaderMatcher(name: "a", rule: .text(StringMatcher(pattern: .regex("*"))))]
                ),
                to: "a"
            )
        ),
        Row(
            "virtual_hosts[0].routes[0].match.safe_regex",
            Make.route(RouteMatch(path: .regex(String(repeating: "a", count: 1025))), to: "a")
        ),
        Row("virtual_hosts[0].routes[0].route.cluster", Make.route(prefix, to: "")),
        Row(
            "virtual_hosts[0].routes[0].route.weighted_clusters.clusters",
            Route(match: prefix, action: .forward(RouteAction(destination: .weighted([]))))
        ),
        Row(
            "virtual_hosts[0].routes[0].route.regex_rewrite.substitution",
            Route(
                match: prefix,
                action: .forward(
                    RouteAction(
                        destination: .cluster("a"),
                        pathRewrite: .regex(RegexRewrite(regex: "/(.)", substitution: "\\2"))
                    )
                )
            )
        ),
        Row(
            "virtual_hosts[0].routes[0].direct_response.status",
            Route(match: prefix, action: .direct(DirectResponse(status: 99)))
        ),
        Row(
            "virtual_hosts[0].routes[0].direct_response.body",
            Route(match: prefix, action: .direct(DirectResponse(status: 200, body: Array(repeating: 0, count: 4097))))
        ),
        Row(
            "virtual_hosts[0].routes[0].redirect.response_code",
            Route(match: prefix, action: .redirect(Redirect(status: 200)))
        ),
        Row(
            "virtual_hosts[0].routes[0].request_headers_to_add[0]",
            Route(
                match: prefix,
                action: Make.forward("a"),
                headers: HeaderMutations(requestAdd: [HeaderMutation(name: ":path", value: "/")])
            )
        ),
        Row(
            "virtual_hosts[0].routes[0].response_headers_to_remove[0]",
            Route(match: prefix, action: Make.forward("a"), headers: HeaderMutations(responseRemove: ["Host"]))
        ),
        Row(
            "virtual_hosts[0].routes[0].request_headers_to_add[0].value",
            Route(
                match: prefix,
                action: Make.forward("a"),
                headers: HeaderMutations(requestAdd: [HeaderMutation(name: "a", value: "%NONSENSE%")])
            )
        ),
        Row(
            "virtual_hosts[1].domains[0]",
            hosts: [.init(name: "a", domains: ["a"]), .init(name: "b", domains: ["A"])]
        ),
        Row("virtual_hosts[0].domains", hosts: [.init(name: "a", domains: [])]),
        Row("virtual_hosts[1].name", hosts: [.init(name: "a", domains: ["a"]), .init(name: "a", domains: ["b"])]),
    ]

    @Test("a configuration that cannot be compiled is refused with the field's path", arguments: rows)
    func refuses(_ row: Row) {
        do {
            _ = try RouteTable(compiling: row.configuration)
            Issue.record("accepted")
        } catch {
            #expect(error.path == row.path, "\(error)")
        }
    }

    @Test func `what a route says nothing about gets Envoy's defaults`() throws {
        let entry = try Make.table([Make.route(Self.prefix, to: "a")]).entry(.request(path: "/", authority: "a"))
        guard case .forward(let action) = entry.action else { throw Make.Missing() }
        #expect(action.timeout == .seconds(15))
        #expect(action.retry == nil)
        #expect(action.idleTimeout == nil)
        #expect(action.clusterNotFoundStatus == 503)
        #expect(entry.requestHeaders.isEmpty)
        #expect(entry.filters.isEmpty)
    }

    @Test func `a route without retry policy inherits the virtual host's`() throws {
        let host = VirtualHost(
            name: "a",
            domains: ["*"],
            routes: [
                Make.route(RouteMatch(path: .prefix("/plain")), to: "a"),
                Route(
                    match: Self.prefix,
                    action: .forward(
                        RouteAction(
                            destination: .cluster("a"),
                            retryPolicy: RetryPolicy(conditions: ["5xx"], retriesMax: 7)
                        )
                    )
                ),
            ],
            retryPolicy: RetryPolicy(conditions: ["reset"], retriesMax: 3)
        )
        let table = try Make.table([host])
        guard case .forward(let plain) = try table.entry(.request(path: "/plain", authority: "a")).action,
            case .forward(let own) = try table.entry(.request(path: "/", authority: "a")).action
        else { throw Make.Missing() }
        #expect(plain.retry?.retriesMax == 3)
        #expect(own.retry?.retriesMax == 7)
    }

    @Test func `the resource a route came from is kept for explanations`() throws {
        let name = "/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews"
        let route = Route(
            match: Self.prefix,
            action: Make.forward("a"),
            metadata: ["istio": ["config": .string(name)]]
        )
        #expect(try Make.table([route]).entry(.request(path: "/", authority: "a")).origin == name)
    }

    @Test func `filter changes of the route win over the virtual host's, name by name`() throws {
        let host = VirtualHost(
            name: "a",
            domains: ["*"],
            routes: [
                Route(
                    match: Self.prefix,
                    action: Make.forward("a"),
                    filterOverrides: ["fault": .disabled]
                )
            ],
            filterOverrides: ["fault": .enabled, "cors": .enabled]
        )
        let filters = try Make.table([host]).entry(.request(path: "/", authority: "a")).filters
        guard case .disabled? = filters.change(for: "fault") else { throw Make.Missing() }
        guard case .enabled? = filters.change(for: "cors") else { throw Make.Missing() }
        #expect(filters.change(for: "other") == nil)
    }
}
