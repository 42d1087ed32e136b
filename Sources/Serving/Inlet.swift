internal import Synchronization

/// Bytes on their way from the reactor to one task.
///
/// The reactor delivers and never waits; the task takes and may wait. Between them at most `highWater` bytes and one
/// network read pile up, because `deliver` tells the reactor to stop reading and `resume` tells it to go on.
final class Inlet: Sendable {
    static let highWater = 256 << 10
    static let lowWater = 64 << 10

    private enum End { case open, finished(Headers), failed(BodyError) }

    private struct State {
        var pieces: [[UInt8]] = []
        var bytes = 0
        var end = End.open
        var isPaused = false
        var waiter: CheckedContinuation<Void, Never>?
        var isCancelled = false
    }

    private let state = Mutex(State())
    /// Asks the reactor to read again. Called from the taking task, outside the lock.
    private let resume: @Sendable () -> Void

    init(resume: @escaping @Sendable () -> Void) { self.resume = resume }

    // MARK: Reactor side

    /// Returns false when the reactor should stop reading until `resume` is called.
    func deliver(_ piece: [UInt8]) -> Bool {
        let (waiter, goOn) = state.withLock { state -> (CheckedContinuation<Void, Never>?, Bool) in
            state.pieces.append(piece)
            state.bytes += piece.count
            if state.bytes > Self.highWater { state.isPaused = true }
            return (state.waiter.take(), !state.isPaused)
        }
        waiter?.resume()
        return goOn
    }

    func finish(trailers: Headers = [:]) { end(.finished(trailers)) }

    func fail(_ error: BodyError = .cutOff) { end(.failed(error)) }

    private func end(_ how: End) {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard case .open = state.end else { return nil }
            state.end = how
            return state.waiter.take()
        }
        waiter?.resume()
    }

    // MARK: Task side

    private enum Step { case piece([UInt8], resume: Bool), end, failed(BodyError), wait }

    /// The next bytes, joined as far as they are here; nil at the end.
    func next() async throws(BodyError) -> [UInt8]? {
        while true {
            switch step() {
            case .piece(let piece, let isResumed):
                if isResumed { resume() }
                return piece
            case .end: return nil
            case .failed(let error): throw error
            case .wait: await wait()
            }
        }
    }

    private func step() -> Step {
        state.withLock { state in
            if !state.pieces.isEmpty {
                var piece = state.pieces[0]
                if state.pieces.count > 1 {
                    piece.reserveCapacity(state.bytes)
                    for more in state.pieces.dropFirst() { piece += more }
                }
                state.pieces.removeAll(keepingCapacity: true)
                state.bytes = 0
                let isResumed = state.isPaused
                state.isPaused = false
                return .piece(piece, resume: isResumed)
            }
            switch state.end {
            case .finished: return .end
            case .failed(let error): return .failed(error)
            case .open: return state.isCancelled ? .failed(.cutOff) : .wait
            }
        }
    }

    private func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    if case .open = state.end, state.pieces.isEmpty, !state.isCancelled {
                        state.waiter = continuation
                        return false
                    }
                    return true
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
                state.isCancelled = true
                return state.waiter.take()
            }
            waiter?.resume()
        }
    }

    /// What came after the content; empty before the end.
    var trailers: Headers {
        state.withLock { state in
            if case .finished(let trailers) = state.end { trailers } else { [:] }
        }
    }
}
