internal import Base
internal import XDS

/// The proxy's side of one delta ADS conversation: what it holds, what it needs, what it may serve.
///
/// A value: a response is tried on a copy, and the copy kept only when the data plane took its snapshot.
///
/// Source: warming as Envoy does it. A cluster waits for its endpoints and secrets, a listener for its routes and
/// secrets; until then the previous version serves. What the control plane says does not exist, or has not sent
/// `warmingMax` later, is not waited for. A removed cluster serves on while a route in force names it.
struct Subscriber: Sendable {
    /// A resource and what it needs.
    struct Entry: Equatable, Sendable {
        var resource: EncodedResource
        var references: References
    }

    struct Request: Equatable, Sendable {
        var type: ResourceType
        var subscribe: [String] = []
        var unsubscribe: [String] = []
        var initialVersions: [String: String] = [:]
        var nonce = ""
        /// Why the response with `nonce` is refused.
        var rejection: String?
    }

    struct Response: Sendable {
        var type: ResourceType
        var version: String
        var nonce: String
        var resources: [EncodedResource]
        var removed: [String]
    }

    static let warmingMax = Duration.seconds(15)
    /// Kinds that are asked for by name, because something refers to them.
    static let named: [ResourceType] = [.endpoint, .route, .secret]

    /// Secrets that the proxy brings itself.
    let localSecrets: Set<String>
    /// What the control plane sent and this proxy understood.
    private(set) var offered: [ResourceType: [String: Entry]] = [:]
    /// What serves, or should: `snapshot` in parts.
    private(set) var effective: [ResourceType: [String: Entry]] = [:]
    private var subscribed: [ResourceType: Set<String>] = [:]
    /// Names that do not exist, as far as the control plane said.
    private var missing: [ResourceType: Set<String>] = [:]
    /// When something began to wait.
    private var warmingSince: [ResourceType: [String: MonotonicTime]] = [:]
    private(set) var revision: UInt64 = 0

    init(localSecrets: Set<String>) { self.localSecrets = localSecrets }

    /// Starts from what served before; resources that no longer decode are left out.
    init(lastGood: Snapshot, localSecrets: Set<String>) {
        self.init(localSecrets: localSecrets)
        revision = lastGood.version
        for type in ResourceType.allCases {
            for resource in lastGood.all(type) {
                guard let references = try? References(of: type, bytes: resource.bytes) else { continue }
                offered[type, default: [:]][resource.name] = Entry(resource: resource, references: references)
            }
        }
        effective = offered
        for type in Self.named { subscribed[type] = Set((offered[type] ?? [:]).keys) }
    }

    var snapshot: Snapshot {
        Snapshot(
            version: revision,
            resources: effective.mapValues { $0.mapValues(\.resource) }.filter { !$0.value.isEmpty }
        )
    }

    /// The first requests of a stream: what is held is named, so that it need not be sent again.
    mutating func opening() -> [Request] {
        missing = [:]
        for type in Self.named { subscribed[type] = needed(type) }
        return ResourceType.allCases.compactMap { type in
            let names = (subscribed[type] ?? []).sorted()
            guard type.isComplete || !names.isEmpty else { return nil }
            let versions = (offered[type] ?? [:]).mapValues(\.resource.version)
            return Request(type: type, subscribe: names, initialVersions: versions)
        }
    }

    /// Takes a response in.
    ///
    /// - Returns: the requests to send once the resulting snapshot is in force, the acceptance first.
    /// - Throws: when a resource cannot be honoured; nothing of the response counts then.
    mutating func take(_ response: Response, now: MonotonicTime) throws(DecodeError) -> [Request] {
        let type = response.type
        for resource in response.resources {
            guard type.isComplete || subscribed[type]?.contains(resource.name) == true else { continue }
            let references: References
            do throws(DecodeError) {
                references = try References(of: type, bytes: resource.bytes)
            } catch {
                let path = error.path.isEmpty ? resource.name : "\(resource.name): \(error.path)"
                throw DecodeError(path: path, reason: error.reason)
            }
            offered[type, default: [:]][resource.name] = Entry(resource: resource, references: references)
            missing[type]?.remove(resource.name)
        }
        for name in response.removed {
            offered[type]?[name] = nil
            missing[type, default: []].insert(name)
        }
        if let text = response.version.split(separator: "-").first, let number = UInt64(text) {
            revision = max(revision, number)
        }
        settle(now: now)
        return [Request(type: type, nonce: response.nonce)] + resubscribe()
    }

    /// True when something has waited too long and `snapshot` changed because of that.
    mutating func giveUpWaiting(now: MonotonicTime) -> Bool {
        let before = effective
        settle(now: now)
        return effective != before
    }

    // MARK: - What serves

    private mutating func settle(now: MonotonicTime) {
        var next: [ResourceType: [String: Entry]] = [:]
        next[.listener] = ready(.listener, needs: [.route, .secret], now: now)
        next[.route] = chosen(.route, by: next[.listener] ?? [:])
        next[.cluster] = ready(.cluster, needs: [.endpoint, .secret], now: now)
        keepUsedClusters(&next)
        next[.endpoint] = chosen(.endpoint, by: next[.cluster] ?? [:])
        let users = (next[.listener] ?? [:]).merging(next[.cluster] ?? [:]) { entry, _ in entry }
        var secrets = chosen(.secret, by: users)
        for entry in (next[.cluster] ?? [:]).values { add(.secret, of: entry, to: &secrets) }
        next[.secret] = secrets
        effective = next.filter { !$0.value.isEmpty }
    }

    /// The offered ones whose needs are met, and the previous version of those that still wait.
    private mutating func ready(
        _ type: ResourceType,
        needs: [ResourceType],
        now: MonotonicTime
    ) -> [String: Entry] {
        var result: [String: Entry] = [:]
        var waiting: [String: MonotonicTime] = [:]
        for (name, entry) in offered[type] ?? [:] {
            let lacks = needs.contains { need in
                entry.references.names(need).contains { !isPresent(need, $0) }
            }
            if lacks {
                let since = warmingSince[type]?[name] ?? now
                waiting[name] = since
                if now.since(since) < Self.warmingMax {
                    if let previous = effective[type]?[name] { result[name] = previous }
                    continue
                }
            }
            result[name] = entry
        }
        warmingSince[type] = waiting
        return result
    }

    private func isPresent(_ type: ResourceType, _ name: String) -> Bool {
        offered[type]?[name] != nil || missing[type]?.contains(name) == true
            || type == .secret && localSecrets.contains(name)
    }

    /// What `users` name; an older version where nothing newer is offered.
    private func chosen(_ type: ResourceType, by users: [String: Entry]) -> [String: Entry] {
        var result: [String: Entry] = [:]
        for entry in users.values { add(type, of: entry, to: &result) }
        return result
    }

    private func add(_ type: ResourceType, of user: Entry, to result: inout [String: Entry]) {
        for name in user.references.names(type) {
            guard let entry = offered[type]?[name] ?? effective[type]?[name] else { continue }
            if offered[type]?[name] == nil, missing[type]?.contains(name) == true, type != .endpoint { continue }
            result[name] = entry
        }
    }

    private func keepUsedClusters(_ next: inout [ResourceType: [String: Entry]]) {
        var used: Set<String> = []
        for entry in (next[.listener] ?? [:]).values { used.formUnion(entry.references.clusters) }
        for entry in (next[.route] ?? [:]).values { used.formUnion(entry.references.clusters) }
        for name in used where next[.cluster]?[name] == nil && offered[.cluster]?[name] == nil {
            if let previous = effective[.cluster]?[name] { next[.cluster, default: [:]][name] = previous }
        }
    }

    // MARK: - What is needed

    private func needed(_ type: ResourceType) -> Set<String> {
        var names: Set<String> = []
        for user in [ResourceType.listener, .cluster] {
            for entry in (offered[user] ?? [:]).values { names.formUnion(entry.references.names(type)) }
            for entry in (effective[user] ?? [:]).values { names.formUnion(entry.references.names(type)) }
        }
        return type == .secret ? names.subtracting(localSecrets) : names
    }

    private mutating func resubscribe() -> [Request] {
        var requests: [Request] = []
        for type in Self.named {
            let old = subscribed[type] ?? []
            let new = needed(type)
            guard old != new else { continue }
            subscribed[type] = new
            let gone = old.subtracting(new)
            for name in gone {
                offered[type]?[name] = nil
                missing[type]?.remove(name)
            }
            requests.append(
                Request(
                    type: type,
                    subscribe: new.subtracting(old).sorted(),
                    unsubscribe: gone.sorted()
                )
            )
        }
        return requests
    }
}
