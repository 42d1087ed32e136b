internal import ArgumentParser
internal import Base
internal import Foundation

/// The control process: admin API, store, certificate authority, translation, discovery.
struct ControlCommand: AsyncParsableCommand, LongRunning {
    static let configuration = CommandConfiguration(
        commandName: "control",
        abstract: "Run the control plane alone."
    )

    @Option(help: "Folder of the database, keys and tokens (created when missing).")
    var dataDir: String

    @Option(help: "Address of the admin API (HTTPS); port 0 picks a free one.")
    var adminListen = "127.0.0.1:9443"

    @Option(help: "Loopback address of the admin API over plain HTTP, without authentication; off when absent.")
    var devHttp: String?

    @Option(help: "Address of the discovery service (mutual TLS).")
    var xdsListen = "127.0.0.1:15012"

    @Option(help: "Loopback address of the discovery service without TLS; off when absent.")
    var devXds: String?

    @Option(help: "Folder below which resources may name certificate files; off when absent.")
    var resourceRoot: String?

    @Option(help: "Folder of the static files served at /ui/.")
    var publicDir: String?

    @Option(help: "Further name or address in the certificate of the admin API; may be repeated.")
    var adminSan: [String] = []

    @Option(help: "File that receives a JSON object once the control plane serves.")
    var readyFile: String?

    @Flag(help: .hidden)
    var supervised = false

    func validate() throws {
        try Flags.requireAddress(adminListen, "--admin-listen")
        try Flags.requireAddress(xdsListen, "--xds-listen")
        try Flags.requireLoopback(devHttp, "--dev-http")
        try Flags.requireLoopback(devXds, "--dev-xds")
    }

    func run() async throws {
        umask(0o077)
        let signals = Signals.stream()
        let directory = URL(filePath: dataDir).standardizedFileURL.path(percentEncoded: false)
        try DataDirectory.create(directory)
        let gateways = LocalGateways()
        let link =
            supervised
            ? SupervisorLink(onChildren: { gateways.replace($0) }, onEnd: { leave(1) }) : nil
        let plane = try ControlPlane(
            .init(
                dataDirectory: directory,
                adminAddress: try Self.address(adminListen),
                devAddress: try devHttp.map(Self.address),
                discoveryAddress: try Self.address(xdsListen),
                devDiscoveryAddress: try devXds.map(Self.address),
                resourceRoot: resourceRoot,
                publicDirectory: publicDir,
                adminNames: adminSan
            ),
            gateways: gateways
        )
        let addresses = try await plane.start()
        link?.ready(addresses.json)
        if let readyFile {
            let body = "{\"pid\":\(getpid()),\(addresses.json.dropFirst().dropLast())}\n"
            try Data(body.utf8).write(to: URL(filePath: readyFile), options: .atomic)
        }
        if link == nil { Log.notice("ready \(addresses.json)") }
        for await number in signals where number != SIGHUP { break }
        await plane.stop()
    }

    private static func address(_ text: String) throws -> SocketAddress {
        guard let address = SocketAddress(text) else { throw ValidationError("\(text): write ADDR:PORT") }
        return address
    }
}

/// Where a running control plane can be reached, as the ready file says it.
struct ControlAddresses: Sendable {
    var admin: SocketAddress
    var dev: SocketAddress?
    var discovery: SocketAddress
    var devDiscovery: SocketAddress?

    var json: String {
        func text(_ address: SocketAddress?, _ prefix: String = "") -> String {
            address.map { "\"\(prefix)\($0)\"" } ?? "null"
        }
        return "{\"admin\":\(text(admin, "https://")),\"devHttp\":\(text(dev, "http://")),"
            + "\"xds\":\(text(discovery)),\"devXds\":\(text(devDiscovery))}"
    }
}
