internal import XDS

/// What one stream's peer subscribed to, holds and was sent, for one resource type.
struct TypeState: Sendable {
    /// A response that was neither accepted nor refused yet.
    struct Outstanding: Sendable {
        var nonce: String
        var names: Set<String>
        var revision: UInt64
        var version: String
    }

    /// False until the peer's first request of this type.
    var isKnown = false
    var isWildcard = false
    var names: Set<String> = []
    /// Name → version of what the peer holds, or will when it accepts what is outstanding.
    var held: [String: String] = [:]
    /// Names that must be answered whatever the peer holds: it just subscribed them.
    var forced: Set<String> = []
    /// An answer is due even when it says nothing.
    var owesAnswer = false
    var outstanding: Outstanding?
    var lastNonce = ""
    var lastVersion = ""
    /// The peer has answered a response, so it knows a nonce to send.
    var hasAnswered = false
    /// Names of a refused response: the peer may lack even the good ones, so they travel with the next change.
    var unconfirmed: Set<String> = []
    /// Why the peer refused the last response, until it accepts one.
    var rejection: String?
    /// Version and revision of the last response the peer accepted.
    var acceptedVersion = ""
    var acceptedRevision: UInt64 = 0

    func subscribes(to name: String) -> Bool { isWildcard || names.contains(name) }

    /// What the peer should be sent to reach `target`: changed and newly asked-for resources, sorted by name.
    func updates(toward target: [String: EncodedResource]) -> [EncodedResource] {
        guard isKnown else { return [] }
        var updates: [EncodedResource] = []
        if isWildcard {
            for (name, resource) in target where held[name] != resource.version || forced.contains(name) {
                updates.append(resource)
            }
        } else {
            for name in names {
                guard let resource = target[name] else { continue }
                if held[name] != resource.version || forced.contains(name) { updates.append(resource) }
            }
        }
        return updates.sorted { $0.name < $1.name }
    }

    /// Names the peer holds that `target` lacks, sorted.
    func stale(against target: [String: EncodedResource]) -> [String] {
        guard isKnown else { return [] }
        return held.keys.filter { subscribes(to: $0) && target[$0] == nil }.sorted()
    }

    /// Names the peer just asked for that do not exist, sorted.
    func missing(from target: [String: EncodedResource]) -> [String] {
        forced.filter { subscribes(to: $0) && target[$0] == nil }.sorted()
    }

    /// A new stream, or the peer starts over within one.
    mutating func reset() {
        let accepted = (acceptedVersion, acceptedRevision)
        self = TypeState()
        (acceptedVersion, acceptedRevision) = accepted
        isKnown = true
        owesAnswer = true
    }
}
