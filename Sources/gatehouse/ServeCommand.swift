internal import ArgumentParser
internal import Base
internal import Foundation
internal import XDS

/// The whole appliance: supervisor, control process, ingress and egress gateway.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the appliance: control plane, ingress gateway, egress gateway."
    )

    @Option(help: "Folder of the database, keys, tokens and gateway state (created when missing).")
    var dataDir: String

    @Option(help: "Address of the admin API (HTTPS); port 0 picks a free one.")
    var adminListen = "127.0.0.1:9443"

    @Option(help: "Loopback address of the admin API over plain HTTP, without authentication; off when absent.")
    var devHttp: String?

    @Option(help: "Address of the discovery service (mutual TLS).")
    var xdsListen = "127.0.0.1:15012"

    @Option(help: "Loopback address of the discovery service without TLS; off when absent.")
    var devXds: String?

    @Option(help: "Worker threads of each gateway.")
    var workers: Int = max(1, ProcessInfo.processInfo.activeProcessorCount)

    @Option(help: "Where declared Gateway ports are bound: GATEWAY/PORT:[ADDR:]PORT,…")
    var portMap = ""

    @Option(help: "File that receives a JSON object with the addresses once everything is ready.")
    var readyFile: String?

    @Option(help: "Seconds that requests in flight may take after SIGTERM.")
    var drainTimeout = 30

    @Option(help: "Folder below which resources may name certificate files; off when absent.")
    var resourceRoot: String?

    @Option(help: "Folder of the static files served at /ui/.")
    var publicDir: String?

    @Option(help: "DNS server ADDR:PORT that gateways resolve names with, in place of the system's.")
    var dnsServer: String?

    @Option(help: "Where the gateways run: REGION[/ZONE[/SUBZONE]].")
    var locality = ""

    @Option(help: "Further name or address in the certificate of the admin API; may be repeated.")
    var adminSan: [String] = []

    func validate() throws {
        try Flags.requireAddress(adminListen, "--admin-listen")
        try Flags.requireAddress(xdsListen, "--xds-listen")
        try Flags.requireLoopback(devHttp, "--dev-http")
        try Flags.requireLoopback(devXds, "--dev-xds")
        if let dnsServer { try Flags.requireAddress(dnsServer, "--dns-server") }
        guard (1...HeldSockets.workersMax).contains(workers) else {
            throw ValidationError("--workers \(workers): write a number from 1 to \(HeldSockets.workersMax)")
        }
        guard (0...3600).contains(drainTimeout) else {
            throw ValidationError("--drain-timeout \(drainTimeout): write seconds from 0 to 3600")
        }
        do { _ = try PortMap(portMap) } catch { throw ValidationError("--port-map: \(error)") }
    }

    func run() throws {
        umask(0o077)
        let directory = URL(filePath: dataDir).standardizedFileURL.path(percentEncoded: false)
        try DataDirectory.create(directory)
        let map = try PortMap(portMap)
        var supervisor = Supervisor(
            settings: .init(
                executable: try Self.ownPath(),
                readyFile: readyFile,
                drainTimeout: .seconds(drainTimeout)
            ),
            children: [control(directory)] + GatewayRole.all.map { gateway($0, directory, map) }
        )
        let status = supervisor.run()
        if status != 0 { throw ExitCode(status) }
    }

    private func control(_ directory: String) -> ChildProcess {
        var arguments = ["control", "--data-dir", directory, "--admin-listen", adminListen, "--xds-listen", xdsListen]
        arguments.append("--supervised")
        if let devHttp { arguments += ["--dev-http", devHttp] }
        if let devXds { arguments += ["--dev-xds", devXds] }
        if let resourceRoot { arguments += ["--resource-root", resourceRoot] }
        if let publicDir { arguments += ["--public-dir", publicDir] }
        for name in adminSan { arguments += ["--admin-san", name] }
        return ChildProcess(name: "control", arguments: arguments)
    }

    private func gateway(_ role: GatewayRole, _ directory: String, _ map: PortMap) -> ChildProcess {
        var arguments = [
            "gateway", "--name", role.name, "--namespace", role.namespace, "--labels", role.labelsArgument,
            "--state-dir", DataDirectory.gateway(directory, role.name),
            "--control-plane", "unix:" + DataDirectory.discoverySocket(directory),
            "--workers", String(workers), "--drain-timeout", String(drainTimeout),
            "--bind-address", role.bindAddress, "--supervised",
        ]
        let mapped = map.argument(for: role.shortName)
        if !mapped.isEmpty { arguments += ["--port-map", mapped] }
        if let resourceRoot { arguments += ["--resource-root", resourceRoot] }
        if let dnsServer { arguments += ["--dns-server", dnsServer] }
        if !locality.isEmpty { arguments += ["--locality", locality] }
        return ChildProcess(name: role.name, arguments: arguments)
    }

    private static func ownPath() throws -> String {
        try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    }
}

/// The two gateways that an appliance runs, with the names and labels Istio gives them, so that Istio's sample Gateways
/// select them unchanged.
struct GatewayRole: Sendable {
    var shortName: String
    var name: String
    var labels: [(String, String)]
    var bindAddress: String
    let namespace = "istio-system"

    static let all = [
        GatewayRole(
            shortName: "ingress",
            name: "istio-ingressgateway",
            labels: [("app", "istio-ingressgateway"), ("istio", "ingressgateway")],
            bindAddress: "0.0.0.0"
        ),
        // The exit of the mesh is not for outsiders: loopback unless a port map says otherwise.
        GatewayRole(
            shortName: "egress",
            name: "istio-egressgateway",
            labels: [("app", "istio-egressgateway"), ("istio", "egressgateway")],
            bindAddress: "127.0.0.1"
        ),
    ]

    var labelsArgument: String { labels.map { "\($0.0)=\($0.1)" }.joined(separator: ",") }
}

/// Checks of flag values that several commands share.
enum Flags {
    static func requireAddress(_ text: String, _ flag: String) throws {
        guard SocketAddress(text) != nil else {
            throw ValidationError("\(flag) \(text): write ADDR:PORT, for example 127.0.0.1:9443")
        }
    }

    static func requireLoopback(_ text: String?, _ flag: String) throws {
        guard let text else { return }
        guard let address = SocketAddress(text) else {
            throw ValidationError("\(flag) \(text): write ADDR:PORT, for example 127.0.0.1:9080")
        }
        guard address.address.isLoopback else {
            throw ValidationError("\(flag) \(text): only a loopback address is permitted, for example 127.0.0.1")
        }
    }

    /// `region/zone/subzone`; missing parts are empty.
    static func locality(_ text: String) -> Locality {
        let parts = text.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        return Locality(
            region: parts.first ?? "",
            zone: parts.count > 1 ? parts[1] : "",
            subZone: parts.count > 2 ? parts[2] : ""
        )
    }

    /// `k=v,k=v` as a dictionary.
    static func labels(_ text: String, _ flag: String) throws -> [String: String] {
        var labels: [String: String] = [:]
        for part in text.split(separator: ",") {
            guard let equals = part.firstIndex(of: "="), equals != part.startIndex else {
                throw ValidationError("\(flag): '\(part)' is not KEY=VALUE")
            }
            labels[String(part[..<equals])] = String(part[part.index(after: equals)...])
        }
        return labels
    }
}

/// The layout of the data folder.
enum DataDirectory {
    static func discoverySocket(_ root: String) -> String { root + "/run/xds.sock" }
    static func gateway(_ root: String, _ name: String) -> String { root + "/gateways/" + name }

    static func create(_ root: String) throws {
        for folder in [root, root + "/run", root + "/gateways"] {
            try FileManager.default.createDirectory(
                atPath: folder,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        }
    }
}
