internal import Base
internal import Transport

/// Keeps one host name of a DNS cluster resolved.
///
///     asking ──answer──▶ resting(ttl) ──timer──▶ asking; a failure keeps the last good addresses
final class NameLookup: ResolverClient {
    private final class Rest: LoopTimer {
        unowned let lookup: NameLookup

        init(lookup: NameLookup) { self.lookup = lookup }

        override func fire() { lookup.ask() }
    }

    let name: String
    /// Nil until the first answer, good or bad.
    private(set) var addresses: [IPAddress]?
    private(set) var failure: String?

    private let family: ResolverFamily
    private let prefersFirstFamily: Bool
    private let refreshRate: Duration
    private let respectsTTL: Bool
    private unowned let cluster: ClusterRuntime
    private let resolver: DomainResolver
    private let loop: EventLoop
    private var rest: Rest?
    private var isStopped = false

    init(
        name: String,
        family: ResolverFamily,
        prefersFirstFamily: Bool,
        refreshRate: Duration,
        respectsTTL: Bool,
        cluster: ClusterRuntime,
        resolver: DomainResolver,
        loop: EventLoop
    ) {
        self.name = name
        self.family = family
        self.prefersFirstFamily = prefersFirstFamily
        self.refreshRate = max(refreshRate, .milliseconds(100))
        self.respectsTTL = respectsTTL
        self.cluster = cluster
        self.resolver = resolver
        self.loop = loop
    }

    deinit { rest?.cancel() }

    func ask() {
        if !isStopped { resolver.resolve(name, family: family, client: self) }
    }

    func stop() {
        isStopped = true
        rest?.cancel()
    }

    override func resolved(_ answer: ResolverAnswer) {
        if isStopped { return }
        var wait = refreshRate
        switch answer {
        case .addresses(let found, let lifetime):
            var kept = found
            if prefersFirstFamily, let first = found.first {
                kept = found.filter { $0.isIPv6 == first.isIPv6 }
            }
            // The order of answers rotates; endpoints should not.
            addresses = kept
            failure = nil
            if respectsTTL { wait = max(lifetime, .seconds(1)) }
        case .failure(let text):
            failure = text
            if addresses == nil { addresses = [] }
            cluster.countDNSFailure()
        }
        let rest = self.rest ?? Rest(lookup: self)
        self.rest = rest
        loop.schedule(rest, after: wait)
        cluster.namesChanged()
    }
}
