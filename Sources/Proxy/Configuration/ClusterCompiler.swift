internal import Upstream
internal import XDS

/// Turns an xDS cluster with its endpoints into a plan, or says which field it cannot honour.
struct ClusterCompiler {
    let tls: TLSCompiler
    let secrets: SecretBook

    /// What the plan depends on besides the cluster's own bytes.
    func secretVersions(of cluster: Cluster) -> String {
        var names: [String] = []
        collect(cluster.transportSocket, into: &names)
        for match in cluster.transportSocketMatches { collect(match.socket, into: &names) }
        return names.map { secrets.version(of: $0) }.joined(separator: ",")
    }

    private func collect(_ socket: TransportSocket, into names: inout [String]) {
        switch socket {
        case .plain: return
        case .proxyProtocol(_, let inner): collect(inner, into: &names)
        case .tls(let tls): names += Self.secretNames(of: tls.settings)
        }
    }

    static func secretNames(of settings: TLSSettings) -> [String] {
        var names: [String] = []
        if case .secrets(let list) = settings.certificates { names += list }
        switch settings.validation {
        case .secret(let name), .combined(_, let name): names.append(name)
        case .none, .inline: break
        }
        return names
    }

    func plan(
        _ cluster: Cluster,
        assignment: ClusterLoadAssignment?,
        identity: String,
        assignmentIdentity: String,
        reusing old: ClusterPlan?
    ) throws(PlanError) -> ClusterPlan {
        if let old, old.identity == identity {
            if old.assignmentIdentity == assignmentIdentity { return old }
            return ClusterPlan(
                cluster: cluster,
                assignment: assignment,
                tls: old.tls,
                socketMatches: old.socketMatches,
                proxyHeader: old.proxyHeader,
                identity: identity,
                assignmentIdentity: assignmentIdentity,
                replacing: old
            )
        }
        try refuseUnsupported(cluster)
        let main = try planning("transport_socket") { () throws(PlanError) in
            try socket(cluster.transportSocket, cluster.http)
        }
        var matches: [ClusterPlan.SocketMatch] = []
        for (index, match) in cluster.transportSocketMatches.enumerated() {
            let tls = try planning("transport_socket_matches[\(index)]") { () throws(PlanError) in
                try socket(match.socket, cluster.http)
            }
            guard Self.proxyHeader(of: match.socket) == Self.proxyHeader(of: cluster.transportSocketMatches[0].socket)
            else { throw PlanError("PROXY headers for some endpoints only", at: "transport_socket_matches[\(index)]") }
            matches.append(ClusterPlan.SocketMatch(match: match.match, tls: tls))
        }
        return ClusterPlan(
            cluster: cluster,
            assignment: assignment,
            tls: main,
            socketMatches: matches,
            proxyHeader: Self.proxyHeader(of: cluster.transportSocketMatches.first?.socket ?? cluster.transportSocket),
            identity: identity,
            assignmentIdentity: assignmentIdentity,
            replacing: old
        )
    }

    private func socket(_ socket: TransportSocket, _ http: UpstreamHTTP) throws(PlanError) -> ClusterPlan.TLS? {
        switch socket {
        case .plain: return nil
        case .tls(let settings): return try tls.upstream(settings, http: http)
        case .proxyProtocol(_, let inner): return try self.socket(inner, http)
        }
    }

    private static func proxyHeader(of socket: TransportSocket) -> ProxyHeaderVersion? {
        guard case .proxyProtocol(let version, _) = socket else { return nil }
        return version == 2 ? .v2 : .v1
    }

    private func refuseUnsupported(_ cluster: Cluster) throws(PlanError) {
        if cluster.subsets != nil { throw PlanError("not supported", at: "lb_subset_config") }
        if cluster.healthChecks.count > 1 { throw PlanError("only one check is supported", at: "health_checks[1]") }
        if case .aggregate = cluster.discovery {
            throw PlanError("aggregate clusters are not supported", at: "cluster_type")
        }
        if case .originalDestination(let header) = cluster.discovery, header != nil {
            throw PlanError("not supported", at: "original_dst_lb_config.http_header_name")
        }
        if case .logicalDNS(let assignment) = cluster.discovery {
            guard assignment.localities.flatMap(\.endpoints).count == 1 else {
                throw PlanError("LOGICAL_DNS needs exactly one endpoint", at: "load_assignment")
            }
        }
    }
}
