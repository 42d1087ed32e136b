/// The rules of each kind, beyond types: what is wrong or doubtful whatever else is stored. Source: Istio's validation.
enum Rules {
    static func check(_ resource: Resource, _ findings: inout Findings) {
        MetadataRules.check(resource, &findings)
        let body = { (findings: inout Findings) in check(resource.spec, &findings) }
        if resource.kind.descriptor.hasSpec { findings.inside("spec", body) } else { body(&findings) }
        Unsupported.check(resource, &findings)
    }

    private static func check(_ spec: Spec, _ findings: inout Findings) {
        switch spec {
        case .gateway(let spec): spec.check(&findings)
        case .virtualService(let spec): spec.check(&findings)
        case .destinationRule(let spec): spec.check(&findings)
        case .serviceEntry(let spec): spec.check(&findings)
        case .sidecar(let spec): spec.check(&findings)
        case .workloadEntry(let spec): spec.check(&findings)
        case .workloadGroup(let spec): spec.check(&findings)
        case .proxyConfig(let spec): spec.check(&findings)
        case .meshConfig(let spec): spec.check(&findings)
        case .edgePolicy(let spec): spec.check(&findings)
        case .healthCheckPolicy(let spec): spec.check(&findings)
        case .routePolicy(let spec): spec.check(&findings)
        case .secret(let spec): spec.check(&findings)
        case .service(let spec): spec.check(&findings)
        case .endpoints(let spec): spec.check(&findings)
        case .endpointSlice(let spec): spec.check(&findings)
        case .configMap(let spec): spec.check(&findings)
        case .role(let spec): spec.check(&findings)
        case .clusterRole(let spec): spec.check(&findings)
        case .roleBinding(let spec): spec.check(&findings)
        case .clusterRoleBinding(let spec): spec.check(&findings)
        case .namespace, .serviceAccount, .event: break
        }
    }
}
