extension SecretSpec {
    /// Material (PEM, key matches certificate, expiry) is judged by `SecretMaterial`, which needs a clock.
    func check(_ findings: inout Findings) {
        for (key, names) in [("data", Array(data.keys)), ("stringData", Array(stringData.keys))] {
            findings.inside(key) { $0.checkDataKeys(names) }
        }
        if let type, type == "kubernetes.io/tls" {
            for key in ["tls.crt", "tls.key"] where bytes(key) == nil {
                findings.inside("data") { $0.error(at: key, "secret.tls", "is required in a Secret of type \(type)") }
            }
        }
        let total = data.values.reduce(0) { $0 + $1.bytes.count } + stringData.values.reduce(0) { $0 + $1.utf8.count }
        if total > 1 << 20 { findings.error("secret.size", "holds \(total) bytes; at most 1 MiB is allowed") }
    }
}

extension ConfigMapSpec {
    func check(_ findings: inout Findings) {
        for (key, names) in [("data", Array(data.keys)), ("binaryData", Array(binaryData.keys))] {
            findings.inside(key) { $0.checkDataKeys(names) }
        }
    }
}

extension Findings {
    fileprivate mutating func checkDataKeys(_ names: [String]) {
        for name in names.sorted() {
            let isKey =
                (1...253).contains(name.utf8.count) && name != "." && !name.hasPrefix("..")
                && name.utf8.allSatisfy { Names.isAlphanumeric($0) || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E }
            guard !isKey else { continue }
            error(at: name, "data.key", "a key has letters, digits, - _ and . only")
        }
    }
}

extension ServiceSpec {
    func check(_ findings: inout Findings) {
        findings.checkSelector("selector", selector, warnsWhenEmpty: false)
        if let type, !["ClusterIP", "ExternalName", "NodePort", "LoadBalancer"].contains(type) {
            findings.error(at: "type", "service.type", "must be ClusterIP, ExternalName, NodePort or LoadBalancer")
        }
        if type == "ExternalName" {
            if let externalName, Names.isDomain(externalName) || Names.isAddress(externalName) {
            } else {
                findings.error(at: "externalName", "service.external-name", "must be a domain name")
            }
        } else if ports.isEmpty, clusterIP != "None" {
            findings.error(at: "ports", "service.ports", "needs at least one port")
        }
        for address in [clusterIP].compactMap({ $0 }) + clusterIPs where address != "None" && !Names.isAddress(address)
        {
            findings.error(
                at: "clusterIP",
                "service.cluster-ip",
                "\"\(address.prefix(80))\" is not an IP address or None"
            )
        }
        checkPorts(&findings)
    }

    private func checkPorts(_ findings: inout Findings) {
        var names = Set<String>()
        var places = Set<String>()
        findings.each("ports", ports) { port, findings in
            findings.checkPort("port", port.port)
            if let name = port.name {
                if !Names.isLowerLabel(name) {
                    findings.error(at: "name", "service.port.name", "\"\(name.prefix(80))\" is not a DNS label")
                } else if !names.insert(name).inserted {
                    findings.error(at: "name", "service.port.name", "\"\(name)\" is given twice")
                }
            } else if ports.count > 1 {
                findings.error(at: "name", "service.port.name", "is required when there are several ports")
            }
            if let word = port.protocol, !["TCP", "UDP", "SCTP"].contains(word) {
                findings.error(
                    at: "protocol",
                    "service.port.protocol",
                    "must be TCP, UDP or SCTP; the application protocol goes into appProtocol or the name"
                )
            }
            if !places.insert("\(port.port)/\(port.protocol ?? "TCP")").inserted {
                findings.error(at: "port", "service.port.duplicate", "\(port.port) is given twice")
            }
            switch port.targetPort {
            case .int(let number)? where !(1...65535).contains(number):
                findings.error(at: "targetPort", "port.range", "must be between 1 and 65535, not \(number)")
            case .string(let name)? where !Names.isLowerLabel(name):
                findings.error(at: "targetPort", "service.port.target", "must be a number or a port name")
            default:
                break
            }
        }
    }
}

extension EndpointsSpec {
    func check(_ findings: inout Findings) {
        findings.each("subsets", subsets) { subset, findings in
            for (key, addresses) in [
                ("addresses", subset.addresses), ("notReadyAddresses", subset.notReadyAddresses),
            ] {
                findings.each(key, addresses) { address, findings in
                    guard !Names.isAddress(address.ip) else { return }
                    findings.error(at: "ip", "endpoints.ip", "\"\(address.ip.prefix(80))\" is not an IP address")
                }
            }
            findings.check(endpointPorts: subset.ports)
        }
    }
}

extension EndpointSliceSpec {
    func check(_ findings: inout Findings) {
        if !["IPv4", "IPv6", "FQDN"].contains(addressType) {
            findings.error(at: "addressType", "endpoint-slice.type", "must be IPv4, IPv6 or FQDN")
        }
        findings.each("endpoints", endpoints) { endpoint, findings in
            if endpoint.addresses.isEmpty {
                findings.error(at: "addresses", "endpoint-slice.addresses", "needs at least one address")
            }
            findings.each("addresses", endpoint.addresses) { address, findings in
                let isValid = addressType == "FQDN" ? Names.isDomain(address) : Names.isAddress(address)
                guard !isValid else { return }
                findings.error("endpoint-slice.addresses", "\"\(address.prefix(80))\" is not of type \(addressType)")
            }
        }
        findings.check(endpointPorts: ports)
    }
}

extension Findings {
    fileprivate mutating func check(endpointPorts ports: [EndpointsSpec.Subset.Port]) {
        each("ports", ports) { port, findings in
            findings.checkPort("port", port.port)
            if ports.count > 1, port.name == nil {
                findings.error(at: "name", "endpoints.port.name", "is required when there are several ports")
            }
        }
    }
}
