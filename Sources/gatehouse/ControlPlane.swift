internal import AdminAPI
internal import Base
internal import Crypto
internal import Discovery
internal import Foundation
internal import Identity
internal import Registry
internal import Resources
internal import Serving
internal import Store
internal import Synchronization
internal import Translation
internal import XDS

/// Everything the control process runs, wired together: the one place that knows how a stored change reaches a proxy.
final class ControlPlane: Sendable {
    struct Settings: Sendable {
        var dataDirectory: String
        var adminAddress: SocketAddress
        var devAddress: SocketAddress?
        var discoveryAddress: SocketAddress
        var devDiscoveryAddress: SocketAddress?
        var resourceRoot: String?
        var publicDirectory: String?
        var adminNames: [String]
    }

    private let settings: Settings
    private let gateways: LocalGateways
    private let store: ResourceStore
    private let admission: Admission
    private let authority: CertificateAuthority
    private let credentials: AdminCredentials
    private let mesh: MeshState
    private let tickets: TicketKeyFile
    private let registrations: Registrations
    private let status: ProgrammedStatus
    private let scrape: MetricsMerge
    private let scheduler = Mutex<PushScheduler?>(nil)
    private let servers = Mutex<[HTTPServer]>([])

    init(_ settings: Settings, gateways: LocalGateways) throws {
        self.settings = settings
        self.gateways = gateways
        let directory = settings.dataDirectory
        let now = Self.now()
        store = try ResourceStore(directory: directory, now: { Self.now() })
        admission = Admission(
            .init(now: { Self.now() }, makeUID: { SecureRandom.uuid() }, resourceRoot: settings.resourceRoot)
        )
        try PrivateFile.makeDirectory(directory + "/ca")
        authority = try CertificateAuthority.open(in: directory + "/ca", at: now)
        try PrivateFile.write(authority.trustBundle.pem, to: directory + "/root-cert.pem")
        credentials = try AdminCredentials.open(directory, names: settings.adminNames, at: now)
        tickets = try TicketKeyFile(path: directory + "/ticket-keys", now: now)
        mesh = MeshState(
            store: store,
            resourceRoot: settings.resourceRoot,
            trustBundle: Array(authority.trustBundle.pem.utf8),
            ticketKeys: tickets.keys
        )
        registrations = Registrations(store: store, admission: admission)
        status = ProgrammedStatus(store: store, admission: admission)
        scrape = MetricsMerge(dataDirectory: directory)
    }

    private static func now() -> Int64 { Int64(Date.now.timeIntervalSince1970) }

    /// Opens every listener and starts serving.
    func start() async throws -> ControlAddresses {
        try await store.storeDefaults(admission)
        await registrations.resume()
        let discovery = discoveryServer()
        let scheduler = PushScheduler { await discovery.push() }
        follow(scheduler)
        renewTickets(scheduler)
        self.scheduler.withLock { $0 = scheduler }
        var calls = GRPCServer()
        discovery.register(on: &calls)
        CertificateService(authority: authority, gateways: gateways, store: store).register(in: &calls)
        let mesh = try HTTPServer(handler: calls.handler())
        let router = AdminRouter(adminConfiguration(discovery))
        let admin = try HTTPServer(handler: AdminService(router, door: .secure).handle)
        let dev = try HTTPServer(handler: AdminService(router, door: .development).handle)
        let addresses = try await listen(mesh: mesh, admin: admin, dev: dev)
        servers.withLock { $0 = [admin, dev, mesh] }
        try credentials.writeKubeconfig(settings.dataDirectory, server: "https://\(addresses.admin)")
        return addresses
    }

    func stop() async {
        for server in servers.withLock({ $0 }) { await server.drain(within: .seconds(2)) }
        await store.close()
    }

    private func listen(mesh: HTTPServer, admin: HTTPServer, dev: HTTPServer) async throws -> ControlAddresses {
        let now = Self.now()
        let names = ServerNames(hostName: ProcessInfo.processInfo.hostName, extra: settings.adminNames)
        guard
            let identity = SPIFFEID(
                trustDomain: authority.trustDomain,
                namespace: "istio-system",
                serviceAccount: "gatehouse"
            )
        else { throw ListenError("no identity for trust domain \(authority.trustDomain)") }
        let own = try authority.serverCredential(names, identity: identity, at: now)
        let meshTLS = TLSOptions(
            certificateChain: own.chainPEM,
            privateKey: own.keyPEM,
            clientCertificates: .optional,
            clientTrust: authority.trustBundle.pem
        )
        let adminTLS = TLSOptions(
            certificateChain: credentials.server.chainPEM,
            privateKey: credentials.server.keyPEM,
            clientCertificates: .optional,
            clientTrust: credentials.authority.trustBundle.pem
        )
        try await mesh.listen(unixPath: DataDirectory.discoverySocket(settings.dataDirectory))
        var addresses = ControlAddresses(
            admin: try await admin.listen(tcp: settings.adminAddress, tls: adminTLS),
            discovery: try await mesh.listen(tcp: settings.discoveryAddress, tls: meshTLS)
        )
        if let address = settings.devAddress { addresses.dev = try await dev.listen(tcp: address) }
        if let address = settings.devDiscoveryAddress { addresses.devDiscovery = try await mesh.listen(tcp: address) }
        return addresses
    }

    private func discoveryServer() -> DiscoveryServer {
        let mesh = mesh
        let status = status
        return DiscoveryServer(
            provider: { node, _ in
                guard let configuration = await mesh.configuration(for: node) else {
                    throw GRPCStatus(.invalidArgument, "node '\(node.id)' is neither a sidecar nor a router")
                }
                await status.offered(node, configuration)
                return configuration.snapshot
            },
            authorizer: { [self] call, node throws(GRPCStatus) in try authorize(call, node) },
            events: { [self] event in await note(event) }
        )
    }

    /// Who may be which node: a child of the supervisor by its pid, a workload by its certificate; on the development
    /// listener anybody.
    private func authorize(_ call: GRPCCall, _ node: Node) throws(GRPCStatus) {
        if call.peer.processID != nil {
            guard let role = gateways.role(of: call.peer), role.name == node.name, role.namespace == node.namespace
            else {
                throw GRPCStatus(.permissionDenied, "this process is not the gateway \(node.namespace)/\(node.name)")
            }
            return
        }
        guard call.peer.isTLS else { return }
        guard let certificate = call.peer.certificate, let identity = authority.identity(of: certificate) else {
            throw GRPCStatus(.unauthenticated, "a mesh certificate is needed")
        }
        guard identity.namespace == node.namespace, identity.serviceAccount == NodeMetadata.serviceAccount(node) else {
            throw GRPCStatus(.permissionDenied, "\(identity) may not be node \(node.id)")
        }
    }

    private func note(_ event: ProxyEvent) async {
        switch event.kind {
        case .connected:
            await status.connected(event.node)
            await registrations.connected(event.node)
            if let gateway = NodeMetadata.gatewayWorkload(event.node), await mesh.connected(gateway) {
                await scheduler.withLock({ $0 })?.changed()
            }
        case .disconnected:
            await status.disconnected(event.node)
            await registrations.disconnected(event.node)
            if let gateway = NodeMetadata.gatewayWorkload(event.node), await mesh.disconnected(gateway) {
                forgetLater(gateway)
            }
        case .report(.synced(let revision)):
            await status.acknowledged(event.node, revision: revision)
        case .report(.rejected(_, let revision, let reason)):
            Log.warning("\(event.node.name) rejects: \(reason)")
            await status.rejected(event.node, revision: revision, detail: reason)
        case .report(.impaired(_, _, let reason)):
            Log.warning("\(event.node.name): \(reason)")
            await status.impaired(event.node, reason)
        case .report(.accepted):
            await status.impaired(event.node, nil)
        }
    }

    /// A gateway that does not come back is no endpoint any more, as a sidecar is none.
    private func forgetLater(_ gateway: GatewayWorkload) {
        Task { [self] in
            do { try await Task.sleep(for: Registrations.grace) } catch { return }
            if await mesh.forget(gateway) { await scheduler.withLock({ $0 })?.changed() }
        }
    }

    /// Gives gateways a new ticket key whenever the newest is half a day old.
    private func renewTickets(_ scheduler: PushScheduler) {
        let mesh = mesh
        var tickets = tickets
        Task {
            while !Task.isCancelled {
                let wait = max(1, tickets.renewal - Self.now())
                do {
                    try await Task.sleep(for: .seconds(wait))
                    try tickets.renew(now: Self.now())
                } catch is CancellationError {
                    return
                } catch {
                    Log.warning("no new ticket key: \(error)")
                    try? await Task.sleep(for: .seconds(60))
                    continue
                }
                await mesh.renewed(ticketKeys: tickets.keys)
                await scheduler.changed()
            }
        }
    }

    /// Hands every accepted revision to the scheduler.
    private func follow(_ scheduler: PushScheduler) {
        let store = store
        let status = status
        Task {
            for await change in await store.changes() {
                await status.stored(change.keys, revision: change.revision)
                await scheduler.changed()
            }
        }
    }

    private func adminConfiguration(_ discovery: DiscoveryServer) -> AdminConfiguration {
        let scrape = scrape
        let status = status
        let readiness = Readiness(
            store: store,
            authority: authority,
            adminChain: credentials.server.chain,
            discoverySocket: DataDirectory.discoverySocket(settings.dataDirectory)
        )
        var configuration = AdminConfiguration(
            store: store,
            admission: admission,
            adminTokenHash: Digest.sha256(credentials.token),
            publicDirectory: settings.publicDirectory,
            version: VersionCommand.version,
            now: { Self.now() },
            readiness: { await readiness.checks() },
            metrics: { await scrape.text() },
            proxies: { await Self.reports(discovery) }
        )
        configuration.waitUntilProgrammed = { keys, revision, limit in
            await status.waitUntilProgrammed(keys, revision: revision, limit: limit)
        }
        return configuration
    }

    private static func reports(_ discovery: DiscoveryServer) async -> [ProxyReport] {
        let now = MonotonicTime.now()
        return await discovery.proxies.map { proxy in
            ProxyReport(
                name: proxy.node.id,
                role: proxy.node.role == .router ? "gateway" : "sidecar",
                address: proxy.node.address,
                revision: proxy.syncedRevision ?? 0,
                isSynced: proxy.rejections.isEmpty && proxy.syncedRevision != nil,
                connectedAt: Self.now() - now.since(proxy.connectedAt).components.seconds,
                rejection: proxy.rejections.values.map(\.reason).sorted().joined(separator: "; ")
            )
        }
    }
}
