public import Base
public import Serving
public import XDS

/// What became of a snapshot that was handed to the data plane.
public enum ApplyResult: Equatable, Sendable {
    case applied
    /// In force but for what the text names; the control plane is told.
    case partly(String)
    /// What the control plane is told; the previous snapshot is still in force.
    case refused(String)
}

/// What a client did, for logs and readiness.
public enum DiscoveryClientEvent: Equatable, Sendable {
    case connected
    /// The stream or the attempt to open one ended; the next attempt comes after `retryIn`.
    case disconnected(reason: String, retryIn: Duration)
    case applied(version: UInt64, resources: Int)
    case refused(ResourceType, reason: String)
    /// What was applied is in force but for this.
    case impaired(reason: String)
    /// The last good snapshot could not be read or kept.
    case notKept(reason: String)
}

/// A proxy's ADS client: keeps a delta stream open, hands complete snapshots to the data plane, and answers for it.
///
/// A response is accepted only after the data plane took the snapshot that came of it. While the control plane is away
/// the last snapshot serves, also after a restart of the proxy when `lastGood` is given.
public actor DiscoveryClient {
    public struct Options: Sendable {
        public var node: Node
        /// Secrets that the proxy brings itself and never asks for.
        public var localSecrets = Snapshot.localSecrets
        public var retryMax: Duration = .seconds(30)

        public init(node: Node) { self.node = node }
    }

    private let options: Options
    private let connect: @Sendable () async throws -> GRPCClient
    private let apply: @Sendable (Snapshot) async -> ApplyResult
    private let events: @Sendable (DiscoveryClientEvent) async -> Void
    private let lastGood: LastGoodSnapshot?
    private let time: any TimeSource
    private let turn = Turns(limit: 1)
    private var subscriber: Subscriber
    private var backoff: Backoff
    /// The newest snapshot that waits to be written to disk.
    private var unkept: Snapshot?
    private var isKeeping = false
    /// Why a part of what was applied is not in force.
    private var impairment: String?
    private var hasApplied = false

    /// - Parameters:
    ///   - connect: a client to the control plane; asked anew for every stream, so that it can use a renewed
    ///     certificate.
    ///   - apply: puts a snapshot in force, or says why not. Never called twice at a time.
    public init(
        options: Options,
        lastGood: LastGoodSnapshot? = nil,
        time: any TimeSource = SystemTime(),
        connect: @escaping @Sendable () async throws -> GRPCClient,
        apply: @escaping @Sendable (Snapshot) async -> ApplyResult,
        events: @escaping @Sendable (DiscoveryClientEvent) async -> Void = { _ in }
    ) {
        self.options = options
        self.connect = connect
        self.apply = apply
        self.events = events
        self.lastGood = lastGood
        self.time = time
        subscriber = Subscriber(localSecrets: options.localSecrets)
        backoff = Backoff(max: options.retryMax, seed: UInt64.random(in: .min ... .max))
    }

    /// Runs until its task is cancelled.
    public func run() async {
        await restore()
        while !Task.isCancelled {
            let reason = await attempt()
            guard !Task.isCancelled else { return }
            let delay = backoff.next()
            await events(.disconnected(reason: reason, retryIn: delay))
            try? await Task.sleep(for: delay)
        }
    }

    /// Serves what served before the restart.
    private func restore() async {
        guard let lastGood else { return }
        do throws(LastGoodError) {
            guard let snapshot = try await lastGood.load() else { return }
            let restored = Subscriber(lastGood: snapshot, localSecrets: options.localSecrets)
            switch await apply(restored.snapshot) {
            case .applied, .partly:
                hasApplied = true
                subscriber = restored
                await events(.applied(version: snapshot.version, resources: restored.snapshot.count))
            case .refused(let reason):
                await events(.notKept(reason: "the last good snapshot no longer works: \(reason)"))
            }
        } catch {
            await events(.notKept(reason: error.description))
        }
    }

    /// One stream, from connecting to its end. Returns why it ended.
    private func attempt() async -> String {
        do {
            let client = try await connect()
            defer { client.close() }
            let stream = try await client.open(DiscoveryServer.deltaPath)
            defer { stream.cancel() }
            var isFirst = true
            for request in subscriber.opening() {
                try await stream.send(Wire.request(request, node: isFirst ? options.node : nil))
                isFirst = false
            }
            let watch = Task { await self.watchWarming() }
            defer { watch.cancel() }
            return try await withTaskCancellationHandler {
                try await receive(from: stream)
            } onCancel: {
                stream.cancel()
            }
        } catch let status as GRPCStatus {
            return "\(status.code): \(status.message)"
        } catch {
            return "\(error)"
        }
    }

    private func receive(from stream: GRPCStream) async throws -> String {
        var isConnected = false
        while let message = try await stream.next() {
            if !isConnected {
                isConnected = true
                backoff.reset()
                await events(.connected)
            }
            guard let response = try Wire.response(message) else { continue }
            await turn.take()
            let requests = await answer(response)
            await turn.give()
            for request in requests { try await stream.send(Wire.request(request, node: nil)) }
        }
        return "the control plane ended the stream"
    }

    /// Tries the response on a copy, puts the result in force, and says what to answer.
    private func answer(_ response: Subscriber.Response) async -> [Subscriber.Request] {
        var next = subscriber
        let requests: [Subscriber.Request]
        do throws(DecodeError) {
            requests = try next.take(response, now: time.now())
        } catch {
            return await refuse(response, error.description)
        }
        // A first list of listeners is put in force even when it is empty: then nothing is what is wanted.
        let isFirst = !hasApplied && response.type == .listener
        guard isFirst || next.effective != subscriber.effective else {
            subscriber = next
            return impaired(requests)
        }
        let snapshot = next.snapshot
        let result = await apply(snapshot)
        switch result {
        case .applied, .partly:
            hasApplied = true
            subscriber = next
            await keep(snapshot)
            await events(.applied(version: snapshot.version, resources: snapshot.count))
            await note(result)
            return impaired(requests)
        case .refused(let reason):
            return await refuse(response, reason)
        }
    }

    private func note(_ result: ApplyResult) async {
        guard case .partly(let reason) = result else {
            impairment = nil
            return
        }
        if impairment != reason { await events(.impaired(reason: reason)) }
        impairment = reason
    }

    /// While a part is not in force, every acceptance says so.
    private func impaired(_ requests: [Subscriber.Request]) -> [Subscriber.Request] {
        guard let impairment, !requests.isEmpty else { return requests }
        var requests = requests
        requests[0].rejection = PartialAcceptance.mark + impairment
        return requests
    }

    private func refuse(_ response: Subscriber.Response, _ reason: String) async -> [Subscriber.Request] {
        await events(.refused(response.type, reason: reason))
        return [Subscriber.Request(type: response.type, nonce: response.nonce, rejection: reason)]
    }

    /// Once a second, looks for what has waited too long.
    private func watchWarming() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(1))
            guard !Task.isCancelled else { return }
            await turn.take()
            var next = subscriber
            if next.giveUpWaiting(now: time.now()) {
                let result = await apply(next.snapshot)
                switch result {
                case .applied, .partly:
                    subscriber = next
                    await keep(next.snapshot)
                    await events(.applied(version: next.revision, resources: next.snapshot.count))
                    await note(result)
                case .refused:
                    break
                }
            }
            await turn.give()
        }
    }

    /// Writes behind: when snapshots come faster than the disk, only the newest is written.
    private func keep(_ snapshot: Snapshot) async {
        guard let lastGood else { return }
        unkept = snapshot
        guard !isKeeping else { return }
        isKeeping = true
        Task {
            while let newest = unkept {
                unkept = nil
                do throws(LastGoodError) {
                    try await lastGood.keep(newest)
                } catch {
                    await events(.notKept(reason: error.description))
                }
            }
            isKeeping = false
        }
    }
}
