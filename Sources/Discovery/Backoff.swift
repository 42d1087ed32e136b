internal import Base

/// Waits between attempts: twice as long each time up to a limit, and a random part of that, so that a fleet that lost
/// its control plane does not come back in step.
struct Backoff: Sendable {
    let initial: Duration
    let max: Duration
    private var attempts = 0
    private var generator: SeededGenerator

    init(initial: Duration = .milliseconds(100), max: Duration = .seconds(30), seed: UInt64) {
        self.initial = initial
        self.max = max
        generator = SeededGenerator(seed: seed)
    }

    /// The next wait, between half and all of the current step.
    mutating func next() -> Duration {
        let step = min(max, initial * (1 << min(attempts, 20)))
        attempts += 1
        let share = Int(generator.next() % 1_000)
        return step / 2 + step / 2 * share / 1_000
    }

    mutating func reset() { attempts = 0 }
}
