/// How names written in resources become full names.
///
/// Source: Istio expands a name without a dot to `name.<namespace of the resource>.svc.<domain>`; `*`, addresses and
/// anything with a dot stay as they are, so `reviews.prod` is not expanded.
public enum HostName {
    public static func expand(_ name: String, namespace: String, domain: String) -> String {
        if name.isEmpty || name.contains(".") || name.contains(":") || name.hasPrefix("*") { return name }
        return "\(name).\(namespace).svc.\(domain)"
    }

    /// `gw`, `./gw`, `ns/gw` and the old `gw.ns[.svc...]` as `ns/gw`; `mesh` stays.
    public static func expandGateway(_ name: String, namespace: String) -> String {
        if name == "mesh" { return name }
        if let slash = name.firstIndex(of: "/") {
            let owner = name[..<slash]
            return owner == "." ? "\(namespace)/\(name[name.index(after: slash)...])" : name
        }
        let parts = name.split(separator: ".")
        if parts.count >= 2 { return "\(parts[1])/\(parts[0])" }
        return "\(namespace)/\(name)"
    }

    /// The names by which workloads of `namespace` may call a service: as short as its place in the mesh allows.
    public static func spellings(of hostname: String, callerNamespace: String, domain: String) -> [String] {
        let suffix = ".svc.\(domain)"
        guard hostname.hasSuffix(suffix) else { return [hostname] }
        let stem = hostname.dropLast(suffix.count)
        let parts = stem.split(separator: ".")
        guard parts.count == 2 else { return [hostname] }
        var names = [hostname, "\(stem).svc", String(stem)]
        if parts[1] == callerNamespace { names.append(String(parts[0])) }
        return names
    }
}
