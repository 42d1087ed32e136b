internal import ArgumentParser
internal import Base
internal import CSys
internal import Foundation
internal import XDS

/// A proxy beside one workload: mutual TLS in, the mesh's routes out.
struct SidecarCommand: AsyncParsableCommand, LongRunning {
    static let configuration = CommandConfiguration(
        commandName: "sidecar",
        abstract: "Run a sidecar beside a workload, and the workload itself when a command follows --."
    )

    @Option(help: "HOST:PORT of the control plane.")
    var controlPlane: String

    @Option(help: "Root certificates of the mesh (PEM).")
    var caFile: String

    @Option(help: "Join token; read only while the state folder holds no valid certificate.")
    var tokenFile: String

    @Option(help: "Namespace of the workload.")
    var namespace: String

    @Option(help: "Service account of the workload's identity.")
    var serviceAccount: String

    @Option(help: "Name of the workload; its WorkloadEntry is called so.")
    var workload: String

    @Option(help: "Folder of its key, certificate and last good snapshot.")
    var stateDir: String

    @Option(help: "Labels that Services select: k=v,…")
    var labels = ""

    @Option(help: "Where it runs: REGION[/ZONE[/SUBZONE]].")
    var locality: String = ""

    @Option(help: "WorkloadGroup of its namespace whose metadata and template its WorkloadEntry takes over.")
    var workloadGroup: String?

    @Option(help: "A port of the application: PORT[:NAME[:PROTOCOL]]; may be repeated.")
    var app: [String] = []

    @Option(help: "Where mesh traffic for the first port arrives; further ports take the following numbers.")
    var inboundListen = "127.0.0.1:15006"

    @Option(help: "Where the application reaches the mesh.")
    var outboundListen = "127.0.0.1:15001"

    @Option(help: "Loopback address of /metrics and /ready; port 0 picks a free one.")
    var adminListen = "127.0.0.1:0"

    @Option(help: "Worker threads.")
    var workers = 1

    @Option(help: "Seconds that requests in flight may take after SIGTERM.")
    var drainTimeout = 30

    @Option(help: "DNS server ADDR:PORT in place of the system's.")
    var dnsServer: String?

    @Option(help: "File that receives a JSON object once the sidecar serves.")
    var readyFile: String?

    @Flag(inversion: .prefixedNo, help: "Write the access log to standard output.")
    var accessLog = true

    @Argument(parsing: .postTerminator, help: "Command of the application, started when the sidecar is ready.")
    var command: [String] = []

    func validate() throws {
        _ = try ControlPlaneAddress(controlPlane)
        try Flags.requireAddress(inboundListen, "--inbound-listen")
        try Flags.requireAddress(outboundListen, "--outbound-listen")
        try Flags.requireLoopback(adminListen, "--admin-listen")
        if let dnsServer { try Flags.requireAddress(dnsServer, "--dns-server") }
        _ = try Flags.labels(labels, "--labels")
        for text in app { _ = try AppPort(text) }
    }

    func run() async throws {
        let settings = ProxySettings(
            node: try node(),
            stateDirectory: stateDir,
            controlPlane: try ControlPlaneAddress(controlPlane),
            authorityFile: caFile,
            tokenFile: tokenFile,
            workers: workers,
            adminAddress: SocketAddress(adminListen),
            dnsServers: dnsServer.flatMap { SocketAddress($0) }.map { [$0] } ?? [],
            drainTimeout: .seconds(drainTimeout),
            accessLog: accessLog,
            readyFile: readyFile,
            command: command
        )
        try await ProxyProcess(settings).run()
    }

    private func node() throws -> Node {
        guard let inbound = SocketAddress(inboundListen), var outbound = SocketAddress(outboundListen) else {
            throw ValidationError("--inbound-listen and --outbound-listen take ADDR:PORT")
        }
        if outbound.port == 0 { outbound.port = try FreePort.find(outbound.address) }
        var apps: [MetadataValue] = []
        for (index, text) in app.enumerated() {
            let port = try AppPort(text)
            var listen = inbound
            listen.port = inbound.port == 0 ? try FreePort.find(inbound.address) : inbound.port &+ UInt16(index)
            apps.append(
                .object([
                    "name": .string(port.name), "protocol": .string(port.protocolName),
                    "port": .number(Double(port.number)), "listen": .string(listen.description),
                ])
            )
        }
        let reachable = inbound.address.isUnspecified ? "127.0.0.1" : inbound.address.description
        var extra: [String: MetadataValue] = [
            "OUTBOUND_LISTEN": .string(outbound.description), "APP_PORTS": .list(apps),
        ]
        if let workloadGroup { extra["AUTO_REGISTER_GROUP"] = .string(workloadGroup) }
        var node = NodeMetadata.node(
            role: .sidecar,
            address: reachable,
            name: workload,
            namespace: namespace,
            serviceAccount: serviceAccount,
            labels: try Flags.labels(labels, "--labels"),
            extra: extra
        )
        node.locality = Flags.locality(locality)
        return node
    }
}

/// `PORT[:NAME[:PROTOCOL]]`; the name defaults to the protocol, the protocol to the name's first part.
struct AppPort {
    var number: UInt16
    var name: String
    var protocolName: String

    init(_ text: String) throws {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 3, let number = UInt16(parts[0]), number > 0, !parts.contains("") else {
            throw ValidationError("--app \(text): write PORT[:NAME[:PROTOCOL]], for example 8080:http")
        }
        self.number = number
        name = parts.count > 1 ? parts[1] : "http"
        protocolName = parts.count > 2 ? parts[2] : String(name.prefix { $0 != "-" })
    }
}

/// A port that was free a moment ago.
enum FreePort {
    struct Unavailable: Error, CustomStringConvertible {
        var description: String
    }

    static func find(_ address: IPAddress) throws -> UInt16 {
        let port = gh_free_port(address.isIPv6 ? 1 : 0)
        guard port > 0 else { throw Unavailable(description: "no free port on \(address)") }
        return UInt16(port)
    }
}
