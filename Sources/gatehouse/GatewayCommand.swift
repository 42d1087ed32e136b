internal import ArgumentParser
internal import Base
internal import Foundation
internal import XDS

/// One gateway: a child of `serve`, or on a machine of its own.
struct GatewayCommand: AsyncParsableCommand, LongRunning {
    static let configuration = CommandConfiguration(
        commandName: "gateway",
        abstract: "Run one gateway, configured over ADS by a control plane."
    )

    @Option(help: "Name of the gateway workload.")
    var name: String

    @Option(help: "Namespace of the gateway.")
    var namespace = "istio-system"

    @Option(help: "Service account of its identity (default: its name).")
    var serviceAccount: String?

    @Option(help: "Labels that Gateway selectors look for: k=v,…")
    var labels = ""

    @Option(help: "Folder of its key, certificate and last good snapshot.")
    var stateDir: String

    @Option(help: "HOST:PORT of the control plane (mutual TLS), or unix:PATH on its host.")
    var controlPlane: String?

    @Option(help: "Root certificates of the mesh (PEM), to check the control plane.")
    var caFile: String?

    @Option(help: "Join token; read only while the state folder holds no valid certificate.")
    var tokenFile: String?

    @Option(help: "Serve this saved snapshot, without a control plane.")
    var snapshot: String?

    @Option(help: "Worker threads.")
    var workers: Int = max(1, ProcessInfo.processInfo.activeProcessorCount)

    @Option(help: "Where declared ports are bound: [GATEWAY/]PORT:[ADDR:]PORT,…")
    var portMap = ""

    @Option(help: "Address of ports without an entry in the port map.")
    var bindAddress = "0.0.0.0"

    @Option(help: "Address under which sidecars reach this gateway (default: the bind address, or loopback).")
    var advertiseAddress: String?

    @Option(help: "Where it runs: REGION[/ZONE[/SUBZONE]].")
    var locality = ""

    @Option(help: "Loopback address of /metrics and /ready; port 0 picks a free one.")
    var adminListen = "127.0.0.1:0"

    @Option(help: "Seconds that requests in flight may take after SIGTERM.")
    var drainTimeout = 30

    @Option(help: "DNS server ADDR:PORT in place of the system's.")
    var dnsServer: String?

    @Option(help: "Folder below which resources may name certificate files.")
    var resourceRoot: String?

    @Option(help: "File that receives a JSON object once the gateway serves.")
    var readyFile: String?

    @Flag(inversion: .prefixedNo, help: "Write the access log to standard output.")
    var accessLog = true

    @Flag(help: .hidden)
    var supervised = false

    func validate() throws {
        guard controlPlane != nil || snapshot != nil else {
            throw ValidationError("write --control-plane HOST:PORT, or --snapshot FILE to serve without one")
        }
        if let controlPlane { _ = try ControlPlaneAddress(controlPlane) }
        try Flags.requireLoopback(adminListen, "--admin-listen")
        if let dnsServer { try Flags.requireAddress(dnsServer, "--dns-server") }
        guard IPAddress(bindAddress) != nil else {
            throw ValidationError("--bind-address \(bindAddress): write an IP address")
        }
        _ = try Flags.labels(labels, "--labels")
        do { _ = try PortMap(portMap) } catch { throw ValidationError("--port-map: \(error)") }
    }

    func run() async throws {
        let settings = ProxySettings(
            node: try node(),
            stateDirectory: stateDir,
            controlPlane: try controlPlane.map(ControlPlaneAddress.init),
            authorityFile: caFile,
            tokenFile: tokenFile,
            snapshotFile: snapshot,
            workers: workers,
            adminAddress: SocketAddress(adminListen),
            dnsServers: dnsServer.flatMap { SocketAddress($0) }.map { [$0] } ?? [],
            drainTimeout: .seconds(drainTimeout),
            accessLog: accessLog,
            isSupervised: supervised,
            readyFile: readyFile
        )
        try await ProxyProcess(settings).run()
    }

    private func node() throws -> Node {
        let address = advertiseAddress ?? (IPAddress(bindAddress)?.isUnspecified == true ? "127.0.0.1" : bindAddress)
        var bindings: [String: MetadataValue] = [:]
        for entry in try PortMap(portMap).entries {
            let bound = entry.address ?? IPAddress(bindAddress) ?? IPAddress(ipv4: 0)
            bindings[String(entry.declared)] = .string(SocketAddress(bound, port: entry.bound).description)
        }
        let account = serviceAccount ?? name
        var node = NodeMetadata.node(
            role: .router,
            address: address,
            name: name,
            namespace: namespace,
            serviceAccount: account,
            labels: try Flags.labels(labels, "--labels"),
            extra: ["PORT_MAP": .object(bindings), "BIND_ADDRESS": .string(bindAddress)]
        )
        node.locality = Flags.locality(locality)
        return node
    }
}

/// Where a proxy finds its control plane.
enum ControlPlaneAddress: Sendable, Equatable {
    case tcp(host: String, port: UInt16)
    case unix(path: String)

    init(_ text: String) throws {
        if text.hasPrefix("unix:") {
            self = .unix(path: String(text.dropFirst(5)))
            return
        }
        guard let colon = text.lastIndex(of: ":"), colon != text.startIndex,
            let port = UInt16(text[text.index(after: colon)...]), port > 0
        else { throw ValidationError("--control-plane \(text): write HOST:PORT, for example 127.0.0.1:15012") }
        self = .tcp(host: String(text[..<colon]), port: port)
    }
}
