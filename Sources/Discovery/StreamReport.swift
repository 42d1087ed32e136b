public import XDS

/// What one proxy did with what it was sent.
public enum StreamReport: Equatable, Sendable {
    case accepted(ResourceType, revision: UInt64, version: String)
    /// The proxy keeps what it had. `reason` is its own text.
    case rejected(ResourceType, revision: UInt64, reason: String)
    /// It has accepted, but a part is not in force: a port that is taken. Follows `accepted`.
    case impaired(ResourceType, revision: UInt64, reason: String)
    /// It has accepted everything there is for it at this revision, or nothing for it has changed since.
    case synced(revision: UInt64)
}

/// How our proxies say that they accept a response of which a part is not in force: an error detail that begins with
/// the mark. Envoy does the same without a mark: it applies the other listeners of a response and refuses it.
enum PartialAcceptance {
    static let mark = "in force but for: "

    /// What is not in force; nil for an ordinary refusal.
    static func reason(_ rejection: String) -> String? {
        rejection.hasPrefix(mark) ? String(rejection.dropFirst(mark.count)) : nil
    }
}
