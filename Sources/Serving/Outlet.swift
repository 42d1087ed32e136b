internal import Synchronization

/// Bytes on their way from tasks to the reactor.
///
/// `write` hands bytes over and waits while more than `highWater` of them are not yet with the kernel, so a slow peer
/// stops the task that feeds it and bounds memory.
final class Outlet: Sendable {
    static let highWater = 256 << 10
    static let lowWater = 64 << 10

    enum Command: Sendable {
        case data([UInt8], isLast: Bool)
        case trailers(Headers)
        case reset
    }

    private struct State {
        var pending = 0
        var isGone = false
        var isEnded = false
        var nextWaiter: UInt64 = 0
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
    }

    private let state = Mutex(State())
    /// Hands a command to the reactor, in order; never waits.
    private let perform: @Sendable (Command) -> Void

    init(perform: @escaping @Sendable (Command) -> Void) { self.perform = perform }

    // MARK: Reactor side

    /// `bytes` of what was written left this process or were discarded.
    func sent(_ bytes: Int) {
        let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.pending -= bytes
            return state.pending <= Self.lowWater ? takeWaiters(&state) : []
        }
        waiters.forEach { $0.resume() }
    }

    /// The peer went away; every waiting and later `write` throws.
    func close() {
        let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.isGone = true
            return takeWaiters(&state)
        }
        waiters.forEach { $0.resume() }
    }

    private func takeWaiters(_ state: inout State) -> [CheckedContinuation<Void, Never>] {
        defer { state.waiters.removeAll() }
        return Array(state.waiters.values)
    }

    // MARK: Task side

    private enum Admission { case gone, full, taken }

    /// Returns once the bytes are accepted; they are sent in the order of the calls.
    /// - Throws: `.cutOff` when the peer is gone, the stream ended, or the task was cancelled.
    func write(_ bytes: [UInt8]) async throws(BodyError) {
        while true {
            if Task.isCancelled { throw .cutOff }
            switch admit(bytes.count) {
            case .gone: throw .cutOff
            case .taken:
                perform(.data(bytes, isLast: false))
                return
            case .full:
                await wait()
            }
        }
    }

    /// Ends the stream. Does nothing when it has ended or the peer is gone.
    func finish(_ last: Command) {
        let isFirst = state.withLock { state in
            defer { state.isEnded = true }
            return !state.isEnded
        }
        if isFirst { perform(last) }
    }

    var isGone: Bool { state.withLock { $0.isGone } }

    private func admit(_ count: Int) -> Admission {
        state.withLock { state in
            if state.isGone || state.isEnded { return .gone }
            if state.pending > Self.highWater { return .full }
            state.pending += count
            return .taken
        }
    }

    private func wait() async {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    if state.isGone || state.isEnded || state.pending <= Self.highWater || Task.isCancelled {
                        return true
                    }
                    state.waiters[id] = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume()
        }
    }
}

/// Writes the content of a streamed response.
public final class ResponseWriter: Sendable {
    let outlet: Outlet

    init(_ outlet: Outlet) { self.outlet = outlet }

    /// Sends `bytes`, waiting while the client reads more slowly than we write.
    /// - Throws: `.cutOff` once the client is gone or the task was cancelled; let it end the handler.
    public func write(_ bytes: [UInt8]) async throws(BodyError) {
        guard !bytes.isEmpty else { return }
        try await outlet.write(bytes)
    }

    public func write(_ text: String) async throws(BodyError) { try await write(Array(text.utf8)) }

    /// Ends the response with trailers. Without it, it ends when the handler returns.
    public func finish(trailers: Headers) { outlet.finish(.trailers(trailers)) }
}
