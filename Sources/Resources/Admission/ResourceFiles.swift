internal import Foundation

/// File paths inside resources, and the folder they are confined to (`--resource-root`).
public enum ResourceFiles {
    /// The file that `path` names: itself when it lies below `root`, else the same path inside `root`.
    ///
    /// The result is always below `root`. Nil when the path is not absolute, has empty, `.` or `..` parts, or a NUL.
    /// Symbolic links are the opener's business.
    public static func resolve(_ path: String, root: String) -> String? {
        guard path.hasPrefix("/"), !path.utf8.contains(0), path.utf8.count <= 4096 else { return nil }
        let parts = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        guard !parts.contains(""), !parts.contains("."), !parts.contains("..") else { return nil }
        let base = root.hasSuffix("/") ? String(root.dropLast()) : root
        return path.hasPrefix(base + "/") ? path : base + path
    }

    private static let fileBytesMax = 1 << 20

    /// What the files that resources name hold, by the path as written. Files that are missing, larger than 1 MiB, or
    /// reach outside of `root` through a link are left out.
    public static func contents(of resources: ResourceSet, root: String) -> [String: [UInt8]] {
        let kinds: [ResourceKind] = [.gateway, .sidecar, .destinationRule]
        let named = kinds.flatMap { resources.unordered($0).flatMap { paths(in: $0).map(\.path) } }
        let home = URL(fileURLWithPath: root).resolvingSymlinksInPath().path
        var contents: [String: [UInt8]] = [:]
        for path in Set(named) {
            guard let place = resolve(path, root: root) else { continue }
            let file = URL(fileURLWithPath: place).resolvingSymlinksInPath()
            guard file.path.hasPrefix(home.hasSuffix("/") ? home : home + "/"),
                let values = try? file.resourceValues(forKeys: [.isRegularFileKey, .fileSizeKey]),
                values.isRegularFile == true, let size = values.fileSize, size <= fileBytesMax,
                let data = try? Data(contentsOf: file)
            else { continue }
            contents[path] = Array(data)
        }
        return contents
    }

    /// Every file path of a resource with its place.
    static func paths(in resource: Resource) -> [(place: JSONPath, path: String)] {
        let spec = JSONPath() / "spec"
        switch resource.spec {
        case .gateway(let gateway):
            return gateway.servers.enumerated().flatMap { index, server in
                server.tls.map { paths(in: $0, (spec / "servers")[index] / "tls") } ?? []
            }
        case .sidecar(let sidecar):
            return sidecar.ingress.enumerated().flatMap { index, listener in
                listener.tls.map { paths(in: $0, (spec / "ingress")[index] / "tls") } ?? []
            }
        case .destinationRule(let rule):
            let own = rule.trafficPolicy.map { paths(in: $0, spec / "trafficPolicy") } ?? []
            return own
                + rule.subsets.enumerated().flatMap { index, subset in
                    subset.trafficPolicy.map { paths(in: $0, (spec / "subsets")[index] / "trafficPolicy") } ?? []
                }
        default:
            return []
        }
    }

    private static func named(_ place: JSONPath, _ members: [(String, String?)]) -> [(place: JSONPath, path: String)] {
        members.compactMap { key, path in path.map { (place / key, $0) } }
    }

    private static func paths(in tls: ServerTLSSettings, _ place: JSONPath) -> [(place: JSONPath, path: String)] {
        let own = named(
            place,
            [
                ("serverCertificate", tls.serverCertificate), ("privateKey", tls.privateKey),
                ("caCertificates", tls.caCertificates), ("caCrl", tls.caCrl),
            ]
        )
        return own
            + tls.tlsCertificates.enumerated().flatMap { index, pair in
                named(
                    (place / "tlsCertificates")[index],
                    [
                        ("serverCertificate", pair.serverCertificate), ("privateKey", pair.privateKey),
                        ("caCertificates", pair.caCertificates),
                    ]
                )
            }
    }

    private static func paths(in policy: TrafficPolicy, _ place: JSONPath) -> [(place: JSONPath, path: String)] {
        func client(_ tls: ClientTLSSettings?, _ place: JSONPath) -> [(place: JSONPath, path: String)] {
            guard let tls else { return [] }
            // `system` is Istio's word for the system's own trust store.
            let authorities = tls.caCertificates == "system" ? nil : tls.caCertificates
            return named(
                place / "tls",
                [
                    ("clientCertificate", tls.clientCertificate), ("privateKey", tls.privateKey),
                    ("caCertificates", authorities), ("caCrl", tls.caCrl),
                ]
            )
        }
        return client(policy.tls, place)
            + policy.portLevelSettings.enumerated().flatMap { index, settings in
                client(settings.tls, (place / "portLevelSettings")[index])
            }
    }
}
