public import Base
public import Serving
public import XDS

/// The ADS server: serves each connected proxy the snapshot made for it, state of the world or delta.
public actor DiscoveryServer {
    /// The newest snapshot for a node. Called for every proxy at every push, so it should be cheap when nothing changed
    /// for it. An error ends the stream; the proxy keeps what it has and comes back.
    public typealias Provider = @Sendable (Node, Peer) async throws -> Snapshot

    /// Whether this peer may be this node: throws `.permissionDenied` or `.unauthenticated` with a reason otherwise.
    public typealias Authorizer = @Sendable (GRPCCall, Node) async throws(GRPCStatus) -> Void

    public struct Limits: Sendable {
        /// Streams beyond this are refused with RESOURCE_EXHAUSTED.
        public var streamsMax = 10_000
        /// How many snapshots are made at a time.
        public var refreshesMax = 4

        public init() {}
    }

    public static let worldPath = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
    public static let deltaPath = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"

    private let provider: Provider
    private let authorizer: Authorizer
    private let events: @Sendable (ProxyEvent) async -> Void
    private let limits: Limits
    private let time: any TimeSource
    private let turns: Turns
    private let vetting = ResourceVetting()
    private var connections: [UInt64: StreamConnection] = [:]
    private var statuses: [UInt64: ProxyStatus] = [:]
    private var lastNumber: UInt64 = 0

    /// - Parameter events: told in order per connection; it holds up that connection only.
    public init(
        limits: Limits = Limits(),
        time: any TimeSource = SystemTime(),
        provider: @escaping Provider,
        authorizer: @escaping Authorizer,
        events: @escaping @Sendable (ProxyEvent) async -> Void = { _ in }
    ) {
        self.limits = limits
        self.time = time
        self.provider = provider
        self.authorizer = authorizer
        self.events = events
        turns = Turns(limit: limits.refreshesMax)
    }

    /// Adds the two ADS methods. The same server may listen on several addresses.
    public nonisolated func register(on server: inout GRPCServer) {
        server.bidirectional(Self.worldPath) { call, requests, responses in
            try await self.serve(.stateOfTheWorld, call, requests, responses)
        }
        server.bidirectional(Self.deltaPath) { call, requests, responses in
            try await self.serve(.delta, call, requests, responses)
        }
    }

    /// Brings every connected proxy up to date. Returns when all were given their new snapshot, not when they have
    /// accepted it.
    public func push() async {
        let all = Array(connections.values)
        await withTaskGroup(of: Void.self) { group in
            for connection in all { group.addTask { await connection.refresh() } }
        }
    }

    /// Connected proxies, oldest first.
    public var proxies: [ProxyStatus] { statuses.values.sorted { $0.connection < $1.connection } }

    /// Ends the streams of nodes for which `matches` is true, for example after their identity was revoked.
    public func disconnect(where matches: @Sendable (Node) -> Bool) async {
        for connection in connections.values where matches(connection.node) {
            await connection.end(GRPCStatus(.unavailable, "disconnected by the control plane"))
        }
    }

    // MARK: - One stream

    private nonisolated func serve(
        _ variant: StreamSession.Variant,
        _ call: GRPCCall,
        _ requests: GRPCMessages,
        _ responses: GRPCWriter
    ) async throws(GRPCStatus) {
        let incoming = IncomingRequests(requests)
        guard let first = try await incoming.next() else { return }
        let opening = try Opening(first, variant)
        guard let node = opening.node else {
            throw GRPCStatus(.invalidArgument, "the first request of a stream must name its node")
        }
        try await authorizer(call, node)
        let connection = try await open(node, variant, call.peer)
        let status = await exchange(connection, opening, incoming, responses)
        await close(connection)
        if let status { throw status }
    }

    /// Runs until either side ends. Nil means in good order.
    private nonisolated func exchange(
        _ connection: StreamConnection,
        _ opening: Opening,
        _ incoming: IncomingRequests,
        _ responses: GRPCWriter
    ) async -> GRPCStatus? {
        await withTaskGroup(of: GRPCStatus?.self) { group in
            group.addTask {
                await opening.deliver(to: connection)
                await connection.refresh()
                return await incoming.feed(connection, opening.variant)
            }
            group.addTask {
                do throws(GRPCStatus) {
                    while let message = try await connection.next() { try await responses.send(message) }
                    return nil
                } catch {
                    return error
                }
            }
            let first = await group.next() ?? nil
            await connection.end()
            group.cancelAll()
            return first
        }
    }

    private func open(
        _ node: Node,
        _ variant: StreamSession.Variant,
        _ peer: Peer
    ) async throws(GRPCStatus) -> StreamConnection {
        guard connections.count < limits.streamsMax else {
            throw GRPCStatus(.resourceExhausted, "\(limits.streamsMax) proxies are connected already")
        }
        lastNumber += 1
        let number = lastNumber
        let provider = self.provider
        let turns = self.turns
        let connection = StreamConnection(
            number: number,
            node: node,
            variant: variant,
            time: time,
            provide: {
                await turns.take()
                do {
                    let snapshot = try await provider(node, peer)
                    await turns.give()
                    return snapshot
                } catch {
                    await turns.give()
                    throw error
                }
            },
            vetting: vetting,
            report: { [weak self] report in await self?.note(report, from: number) },
            withhold: { [weak self] problems in await self?.note(problems, from: number) }
        )
        connections[number] = connection
        statuses[number] = ProxyStatus(
            connection: number,
            node: node,
            isDelta: variant == .delta,
            connectedAt: time.now()
        )
        await events(ProxyEvent(connection: number, node: node, kind: .connected))
        return connection
    }

    private func note(_ report: StreamReport, from number: UInt64) async {
        guard var status = statuses[number] else { return }
        status.apply(report)
        statuses[number] = status
        await events(ProxyEvent(connection: number, node: status.node, kind: .report(report)))
    }

    private func note(_ withheld: [SnapshotProblem], from number: UInt64) { statuses[number]?.withheld = withheld }

    private func close(_ connection: StreamConnection) async {
        connections[connection.number] = nil
        statuses[connection.number] = nil
        await events(ProxyEvent(connection: connection.number, node: connection.node, kind: .disconnected))
    }
}
