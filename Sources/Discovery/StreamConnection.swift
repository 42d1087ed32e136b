internal import Base
internal import Serving
internal import XDS

/// One ADS stream of one proxy: feeds events to its session and hands out what to write.
///
/// Requests and pushes arrive in any order; responses leave in the order the session made them. The queue is bounded by
/// the protocol (one unanswered response per type); a peer that forces more is cut off.
actor StreamConnection {
    static let queuedResponsesMax = 64

    let number: UInt64
    let node: Node
    private var session: StreamSession
    private let variant: StreamSession.Variant
    private let time: any TimeSource
    private let provide: @Sendable () async throws -> Snapshot
    private let vetting: ResourceVetting
    private let report: @Sendable (StreamReport) async -> Void
    private let withhold: @Sendable ([SnapshotProblem]) async -> Void
    private var withheld: [SnapshotProblem] = []
    private var queue: [StreamSession.Response] = []
    private var waiter: CheckedContinuation<Void, Never>?
    private var failure: GRPCStatus?
    private var isOver = false
    private var isRefreshing = false
    private var needsRefresh = false
    private var hasTimer = false

    init(
        number: UInt64,
        node: Node,
        variant: StreamSession.Variant,
        time: any TimeSource,
        provide: @escaping @Sendable () async throws -> Snapshot,
        vetting: ResourceVetting,
        report: @escaping @Sendable (StreamReport) async -> Void,
        withhold: @escaping @Sendable ([SnapshotProblem]) async -> Void
    ) {
        self.number = number
        self.node = node
        self.variant = variant
        self.time = time
        self.provide = provide
        self.vetting = vetting
        self.report = report
        self.withhold = withhold
        session = StreamSession(variant: variant, noncePrefix: "\(number).")
    }

    /// Asks for the newest snapshot and serves what changed. Calls during a refresh merge into one more.
    func refresh() async {
        needsRefresh = true
        guard !isRefreshing else { return }
        isRefreshing = true
        defer { isRefreshing = false }
        while needsRefresh, !isOver {
            needsRefresh = false
            do {
                let snapshot = try await vetted(provide())
                await perform(session.update(snapshot, now: time.now()))
            } catch let status as GRPCStatus {
                end(status)
            } catch {
                end(GRPCStatus(.internal, "no configuration"))
            }
        }
    }

    /// gRPC clients get resources of another form, which our own decoder does not speak.
    private func vetted(_ snapshot: Snapshot) async -> Snapshot {
        guard node.flavor != .grpc else { return snapshot }
        let (good, problems) = await vetting.vet(snapshot, previous: session.target)
        if problems != withheld {
            withheld = problems
            await withhold(problems)
        }
        return good
    }

    func receive(_ request: Wire.WorldRequest) async {
        guard let type = request.type else { return }
        let outputs = session.receive(
            type,
            names: request.names,
            version: request.version,
            nonce: request.nonce,
            rejection: request.rejection,
            now: time.now()
        )
        await perform(outputs)
    }

    func receive(_ request: Wire.DeltaRequest) async {
        guard let type = request.type else { return }
        let outputs = session.receive(
            type,
            subscribe: request.subscribe,
            unsubscribe: request.unsubscribe,
            initialVersions: request.initialVersions,
            nonce: request.nonce,
            rejection: request.rejection,
            now: time.now()
        )
        await perform(outputs)
    }

    /// The next message to write; nil when the stream is over. One caller only.
    func next() async throws(GRPCStatus) -> [UInt8]? {
        while true {
            if let failure { throw failure }
            if !queue.isEmpty {
                let response = queue.removeFirst()
                switch variant {
                case .stateOfTheWorld: return Wire.world(response)
                case .delta: return Wire.delta(response)
                }
            }
            if isOver { return nil }
            await withCheckedContinuation { waiter = $0 }
        }
    }

    /// The peer is done, or the stream must end with `status`.
    func end(_ status: GRPCStatus? = nil) {
        if failure == nil { failure = status }
        isOver = true
        wakeWriter()
    }

    private func perform(_ outputs: [StreamSession.Output]) async {
        var reports: [StreamReport] = []
        for output in outputs {
            switch output {
            case .send(let response): queue.append(response)
            case .report(let report): reports.append(report)
            }
        }
        if queue.count > Self.queuedResponsesMax {
            end(GRPCStatus(.resourceExhausted, "too many requests before reading the answers"))
        }
        if !queue.isEmpty { wakeWriter() }
        armTimer()
        for item in reports { await report(item) }
    }

    private func wakeWriter() {
        waiter?.resume()
        waiter = nil
    }

    private func armTimer() {
        let now = time.now()
        guard !hasTimer, !isOver, let deadline = session.nextDeadline(after: now) else { return }
        hasTimer = true
        Task {
            try? await Task.sleep(for: deadline.since(now))
            await timerFired()
        }
    }

    private func timerFired() async {
        hasTimer = false
        guard !isOver else { return }
        await perform(session.advance(to: time.now()))
    }
}
