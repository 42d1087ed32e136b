// What can be wrong with extras of routes.

extension RoutePolicySpec {
    func check(_ findings: inout Findings) {
        findings.inside("targetRef") { findings in
            if targetRef.kind != "VirtualService" {
                findings.error(
                    at: "kind",
                    "route.target",
                    "must be VirtualService, not \"\(targetRef.kind.prefix(80))\""
                )
            }
            if let group = targetRef.group, group != "networking.istio.io" {
                findings.error(at: "group", "route.target", "must be networking.istio.io")
            }
            if !Names.isSubdomain(targetRef.name) {
                findings.error(at: "name", "route.target", "is not the name of a VirtualService")
            }
        }
        findings.inside("compression", compression) { $0.check(&$1) }
        // It may stand before a protocol's version (RFC 9110 §7.8).
        let slash = UInt8(ascii: "/")
        findings.each("upgrades", upgrades) { token, findings in
            if token.isEmpty || token.utf8.count > 64
                || !token.utf8.allSatisfy({ $0 == slash || Names.isTokenByte($0) })
            {
                findings.error("route.upgrade", "is not the name of a protocol")
            } else if token.uppercased() == "CONNECT" {
                findings.error("route.upgrade", "is a method: write a rule that matches method CONNECT")
            } else if token.lowercased() == "h2c" {
                // A connection that changes to HTTP/2 behind the gateway would carry requests that nobody checks.
                findings.error("route.upgrade", "must not be h2c: HTTP/2 is spoken by prior knowledge or ALPN")
            }
        }
    }

}

extension RoutePolicySpec.Compression {
    func check(_ findings: inout Findings) {
        if let level, !(1...9).contains(level) {
            findings.error(at: "level", "number.range", "must be between 1 and 9, not \(level)")
        }
        if let minBytes, !(30...16_777_216).contains(minBytes) {
            // Below 30 bytes Envoy compresses nothing either.
            findings.error(at: "minBytes", "number.range", "must be between 30 and 16777216, not \(minBytes)")
        }
        if contentTypes.count > 64 {
            findings.error(at: "contentTypes", "list.size", "must not hold more than 64 types")
        }
        findings.each("contentTypes", contentTypes) { type, findings in
            let parts = type.split(separator: "/", omittingEmptySubsequences: false)
            let isFine =
                parts.count == 2
                && parts.allSatisfy { part in
                    !part.isEmpty
                        && part.utf8.allSatisfy { $0 > 32 && $0 < 127 && $0 != 0x3B && $0 != 0x2C && $0 != 0x2A }
                }
            if !isFine || type.utf8.count > 128 {
                findings.error("route.media", "is not a media type like text/html, without parameters")
            }
        }
    }
}
