internal import Base
internal import Synchronization

/// What the resolvers of all workers of a process know together, so that a name is asked for once, not once a worker.
///
/// Shape: touched when a name is resolved, never by a request. Answers are kept for their TTL.
public final class SharedNames: Sendable {
    /// A name and the families wanted of it.
    struct Key: Hashable, Sendable {
        var name: String
        var family: ResolverFamily
    }

    enum Found {
        case answer(ResolverAnswer)
        /// Another worker has asked already: look again soon.
        case pending
        /// The caller is to ask, and to `store` what comes.
        case mine
    }

    private struct Entry {
        var answer: ResolverAnswer?
        /// Of an answer: until when it holds. Of a question: until when to believe that it is under way.
        var until: MonotonicTime
    }

    private static let namesMax = 10_000
    /// Longer than c-ares takes to give up.
    private static let patience = Duration.seconds(8)
    /// Failures and answers without lifetime are shared among those who ask at the same moment.
    private static let shortest = Duration.seconds(1)

    private let entries = Mutex<[Key: Entry]>([:])

    public init() {}

    func look(_ key: Key, now: MonotonicTime) -> Found {
        entries.withLock { entries in
            if let entry = entries[key], now < entry.until {
                guard let answer = entry.answer else { return .pending }
                return .answer(Self.aged(answer, left: entry.until.since(now)))
            }
            if entries.count >= Self.namesMax { entries = entries.filter { now < $0.value.until } }
            if entries.count < Self.namesMax {
                entries[key] = Entry(answer: nil, until: now.advanced(by: Self.patience))
            }
            return .mine
        }
    }

    func store(_ key: Key, _ answer: ResolverAnswer, now: MonotonicTime) {
        var lifetime = Self.shortest
        if case .addresses(_, let ttl) = answer { lifetime = max(lifetime, ttl) }
        let until = now.advanced(by: lifetime)
        entries.withLock { entries in
            if entries[key] != nil { entries[key] = Entry(answer: answer, until: until) }
        }
    }

    private static func aged(_ answer: ResolverAnswer, left: Duration) -> ResolverAnswer {
        switch answer {
        case .addresses(let found, _): .addresses(found, lifetime: left)
        case .failure: answer
        }
    }
}
