internal import Telemetry

/// The labels of Istio's standard metrics that are the same for all requests to one cluster.
///
/// Source: Istio standard metrics. What this proxy cannot know (the destination's workload) is `unknown`, as in Istio.
enum IstioLabels {
    /// - Parameter cluster: `outbound|PORT|SUBSET|HOST` or `inbound|PORT||`; other names mean no service.
    static func text(cluster: String, identity: ProxyIdentity) -> String {
        let parts = cluster.split(separator: "|", omittingEmptySubsequences: false)
        let isInbound = parts.first == "inbound"
        let host = parts.count == 4 && !parts[3].isEmpty ? String(parts[3]) : "unknown"
        let words = host.split(separator: ".")
        let isInMesh = words.count > 3 && words[2] == "svc"
        let version = parts.count == 4 && !parts[2].isEmpty ? String(parts[2]) : "unknown"
        let mine = (workload: identity.workload, namespace: identity.namespace)
        let unknown = (workload: "unknown", namespace: "unknown")
        let source = isInbound ? unknown : mine
        let destination = isInbound ? mine : unknown
        return MetricLabels.text([
            ("reporter", isInbound ? "destination" : "source"),
            ("source_workload", source.workload),
            ("source_workload_namespace", source.namespace),
            ("destination_workload", destination.workload),
            ("destination_workload_namespace", destination.namespace),
            ("destination_service", host),
            ("destination_service_name", isInMesh ? String(words[0]) : host),
            ("destination_service_namespace", isInMesh ? String(words[1]) : destination.namespace),
            ("destination_version", version),
            ("destination_cluster", cluster),
        ])
    }
}
