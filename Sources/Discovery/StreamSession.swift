internal import Base
internal import XDS

/// The server's side of one ADS stream, state of the world or delta: which response to send when.
///
/// Source: the xDS protocol as Envoy and gRPC speak it. The rules beyond it:
/// - CDS, EDS, LDS, RDS, SDS is the order of a change. While the clusters of a change settle (CDS and EDS accepted),
///   listeners and routes that the peer already holds wait, so that no route names a cluster that is still warming.
/// - What was removed stays until nothing the peer holds names it: a removed cluster leaves CDS only after the peer has
///   accepted the LDS and RDS that dropped it, or `removalDelay` later when it does not answer.
/// - After CDS changed a cluster, its endpoints are sent again, because Envoy warms the new cluster with them.
/// - At most one response per type is unanswered; changes meanwhile merge into the next one.
///
/// It reads no clock and touches no socket: events go in, responses and reports come out.
struct StreamSession: Sendable {
    enum Variant: Sendable { case stateOfTheWorld, delta }

    /// A response to write to the stream.
    struct Response: Equatable, Sendable {
        var type: ResourceType
        /// `version_info`, or `system_version_info` for delta: `REVISION-HASH`.
        var version: String
        var nonce: String
        var resources: [EncodedResource]
        /// Delta only.
        var removed: [String] = []
    }

    enum Output: Equatable, Sendable {
        case send(Response)
        case report(StreamReport)
    }

    /// How long a removal waits for the peer to accept what no longer needs the removed.
    static let removalDelay = Duration.seconds(5)
    /// How long routes wait for the peer to accept new clusters, and then to ask for their endpoints.
    static let clusterDelay = Duration.seconds(5)
    static let subscriptionDelay = Duration.milliseconds(500)

    let variant: Variant
    /// Makes the nonces of different streams differ.
    let noncePrefix: String
    var nonceCount = 0
    var types: [TypeState] = Array(repeating: TypeState(), count: ResourceType.allCases.count)
    var target: Snapshot?
    /// Content of clusters that are gone from `target` but not yet from the peer (state of the world lists them all).
    var retained: [String: EncodedResource] = [:]
    var removalDeadline: MonotonicTime?
    /// ClusterLoadAssignments that a change of clusters made necessary and the peer has not accepted yet.
    var awaitedEndpoints: Set<String> = []
    var gateDeadline: MonotonicTime?
    var lastSynced: UInt64?

    init(variant: Variant, noncePrefix: String) {
        self.variant = variant
        self.noncePrefix = noncePrefix
    }

    subscript(_ type: ResourceType) -> TypeState {
        get { types[type.rawValue] }
        set { types[type.rawValue] = newValue }
    }

    /// The moment at which `advance(to:)` would do something; nil when only an event can.
    func nextDeadline(after now: MonotonicTime) -> MonotonicTime? {
        [removalDeadline, gateDeadline].compactMap { $0 }.filter { $0 > now }.min()
    }

    /// Something new to serve.
    mutating func update(_ snapshot: Snapshot, now: MonotonicTime) -> [Output] {
        let old = target
        target = snapshot
        let clusters = snapshot.resources[.cluster] ?? [:]
        retained = retained.filter { clusters[$0.key] == nil }
        for (name, resource) in old?.resources[.cluster] ?? [:] where clusters[name] == nil {
            if self[.cluster].held[name] != nil { retained[name] = resource }
        }
        let hasStale = ResourceType.allCases.contains { !self[$0].stale(against: resources($0)).isEmpty }
        if hasStale, removalDeadline == nil {
            removalDeadline = now.advanced(by: Self.removalDelay)
        }
        return flush(now: now)
    }

    /// Time has passed `nextDeadline`.
    mutating func advance(to now: MonotonicTime) -> [Output] { flush(now: now) }

    func resources(_ type: ResourceType) -> [String: EncodedResource] { target?.resources[type] ?? [:] }

    // MARK: - What to send

    /// Everything that may be sent now, in order.
    mutating func flush(now: MonotonicTime) -> [Output] {
        guard target != nil else { return [] }
        var outputs: [Output] = []
        var isDone = false
        while !isDone {
            isDone = true
            for type in ResourceType.allCases where self[type].isKnown && self[type].outstanding == nil {
                if isGated(type, now: now) { continue }
                guard let response = makeResponse(type, now: now) else { continue }
                outputs.append(.send(response))
                isDone = false
            }
        }
        clearDeadlines(now: now)
        if let revision = target?.version, lastSynced != revision, isSettled() {
            lastSynced = revision
            outputs.append(.report(.synced(revision: revision)))
        }
        return outputs
    }

    /// Routes wait until the clusters have settled, and so do listeners, except the first ones of a new peer: those
    /// break nothing, and their routes wait.
    private func isGated(_ type: ResourceType, now: MonotonicTime) -> Bool {
        guard type == .route || type == .listener && !self[type].held.isEmpty else { return false }
        guard let gateDeadline, now < gateDeadline else { return false }
        return self[.cluster].outstanding != nil || self[.endpoint].outstanding != nil || !awaitedEndpoints.isEmpty
    }

    private mutating func makeResponse(_ type: ResourceType, now: MonotonicTime) -> Response? {
        let target = resources(type)
        let state = self[type]
        let updates = state.updates(toward: target)
        let stale = mayRemove(type, now: now) ? state.stale(against: target) : []
        let missing = state.missing(from: target)
        let isOwed = state.owesAnswer && (variant == .delta || type.isComplete)
        let isDue: Bool =
            switch variant {
            case .delta: true
            // Names that do not exist cannot be answered, except by a complete list that lacks them.
            case .stateOfTheWorld: type.isComplete || !updates.isEmpty
            }
        guard isDue, isOwed || !updates.isEmpty || !stale.isEmpty || !missing.isEmpty else {
            dropStale(type, stale)
            return nil
        }
        let response: Response
        switch variant {
        case .delta: response = deltaResponse(type, updates: updates, removed: stale + missing)
        case .stateOfTheWorld: response = worldResponse(type, updates: updates, stale: stale)
        }
        if type == .cluster {
            let fresh = state.unconfirmed.union(updates.map(\.name))
            clustersChanged(response.resources.filter { fresh.contains($0.name) }, now: now)
        }
        return response
    }

    /// State of the world cannot take single resources back; the peer forgets them with what named them.
    private mutating func dropStale(_ type: ResourceType, _ stale: [String]) {
        guard variant == .stateOfTheWorld, !type.isComplete else { return }
        for name in stale { self[type].held[name] = nil }
    }

    private mutating func deltaResponse(_ type: ResourceType, updates: [EncodedResource], removed: [String]) -> Response
    {
        var updates = updates
        var removed = removed
        let target = resources(type)
        for name in self[type].unconfirmed.sorted() where self[type].subscribes(to: name) {
            if let resource = target[name] {
                if !updates.contains(where: { $0.name == name }) { updates.append(resource) }
            } else if !removed.contains(name) {
                removed.append(name)
            }
        }
        for resource in updates { self[type].held[resource.name] = resource.version }
        for name in removed { self[type].held[name] = nil }
        return sent(type, updates.sorted { $0.name < $1.name }, removed: Set(removed).sorted())
    }

    private mutating func worldResponse(_ type: ResourceType, updates: [EncodedResource], stale: [String]) -> Response {
        let target = resources(type)
        var listed = updates
        if type.isComplete {
            listed = target.values.filter { self[type].subscribes(to: $0.name) }
            if type == .cluster {
                for (name, resource) in retained where self[type].held[name] != nil && !stale.contains(name) {
                    listed.append(resource)
                }
            }
        } else {
            for name in self[type].unconfirmed where self[type].subscribes(to: name) {
                guard let resource = target[name], !listed.contains(where: { $0.name == name }) else { continue }
                listed.append(resource)
            }
        }
        for resource in listed { self[type].held[resource.name] = resource.version }
        for name in stale {
            self[type].held[name] = nil
            if type == .cluster { retained[name] = nil }
        }
        return sent(type, listed.sorted { $0.name < $1.name }, removed: [])
    }

    private mutating func sent(_ type: ResourceType, _ listed: [EncodedResource], removed: [String]) -> Response {
        nonceCount += 1
        let revision = target?.version ?? 0
        let content = listed.map { $0.name + "=" + $0.version }.joined(separator: "\n")
        let response = Response(
            type: type,
            version: "\(revision)-\(ContentHash.text(of: [UInt8](content.utf8)).prefix(12))",
            nonce: "\(noncePrefix)\(nonceCount)",
            resources: listed,
            removed: removed
        )
        let names = Set(listed.map(\.name)).union(removed)
        self[type].outstanding = TypeState.Outstanding(
            nonce: response.nonce,
            names: names,
            revision: revision,
            version: response.version
        )
        self[type].lastNonce = response.nonce
        self[type].lastVersion = response.version
        self[type].forced = []
        self[type].unconfirmed.subtract(names)
        self[type].owesAnswer = false
        return response
    }

    /// The endpoints of clusters that were sent must follow; routes wait for them.
    private mutating func clustersChanged(_ clusters: [EncodedResource], now: MonotonicTime) {
        let assignments = resources(.endpoint)
        for resource in clusters {
            guard let cluster = try? Cluster(decoding: resource.bytes),
                case .eds(let name) = cluster.discovery, assignments[name] != nil
            else { continue }
            if self[.endpoint].subscribes(to: name) {
                self[.endpoint].forced.insert(name)
                awaitedEndpoints.insert(name)
            } else if self[.cluster].isWildcard {
                awaitedEndpoints.insert(name)
            }
        }
        gateDeadline = now.advanced(by: Self.clusterDelay)
    }
}
