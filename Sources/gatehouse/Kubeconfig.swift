internal import Foundation
internal import Yams

/// Where the admin API is and how to prove who asks: the parts of a kubeconfig file that this program uses.
struct Kubeconfig: Sendable {
    struct Malformed: Error, CustomStringConvertible {
        var description: String
    }

    var server: String
    /// PEM; empty for plain HTTP.
    var authority: String = ""
    var token: String?
    var namespace: String = "default"

    /// - Parameter path: nil means `$GATEHOUSE_KUBECONFIG`, `$KUBECONFIG` or `~/.kube/config`, the first that exists.
    static func load(_ path: String?) throws -> Kubeconfig {
        let environment = ProcessInfo.processInfo.environment
        let home = environment["HOME"] ?? "/root"
        let candidates =
            path.map { [$0] }
            ?? [environment["GATEHOUSE_KUBECONFIG"], environment["KUBECONFIG"], home + "/.kube/config"]
            .compactMap { $0 }
        guard let found = candidates.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
            throw Malformed(
                description: "no kubeconfig at \(candidates.joined(separator: ", ")); "
                    + "write --kubeconfig DATA/admin.kubeconfig or --server http://127.0.0.1:9080"
            )
        }
        let text = try String(contentsOfFile: found, encoding: .utf8)
        guard let root = try Yams.load(yaml: text) as? [String: Any] else {
            throw Malformed(description: "\(found) is not a kubeconfig")
        }
        let current = root["current-context"] as? String
        let context = entry(root, "contexts", current)?["context"] as? [String: Any]
        guard let cluster = entry(root, "clusters", context?["cluster"] as? String)?["cluster"] as? [String: Any],
            let server = cluster["server"] as? String
        else { throw Malformed(description: "\(found) names no cluster with a server") }
        var config = Kubeconfig(server: server)
        if let encoded = cluster["certificate-authority-data"] as? String {
            guard let bytes = Data(base64Encoded: encoded) else {
                throw Malformed(description: "\(found): certificate-authority-data is not base64")
            }
            config.authority = String(decoding: bytes, as: UTF8.self)
        } else if let file = cluster["certificate-authority"] as? String {
            config.authority = try String(contentsOfFile: file, encoding: .utf8)
        }
        let user = entry(root, "users", context?["user"] as? String)?["user"] as? [String: Any]
        config.token = user?["token"] as? String
        if let namespace = context?["namespace"] as? String { config.namespace = namespace }
        return config
    }

    private static func entry(_ root: [String: Any], _ list: String, _ name: String?) -> [String: Any]? {
        let items = root[list] as? [[String: Any]] ?? []
        return items.first { name == nil || $0["name"] as? String == name }
    }

    /// The file a fresh appliance writes for its administrator.
    static func text(server: String, authority: String, token: String) -> String {
        """
        apiVersion: v1
        kind: Config
        clusters:
        - name: gatehouse
          cluster:
            server: \(server)
            certificate-authority-data: \(Data(authority.utf8).base64EncodedString())
        users:
        - name: admin
          user:
            token: \(token)
        contexts:
        - name: gatehouse
          context:
            cluster: gatehouse
            user: admin
        current-context: gatehouse

        """
    }
}
