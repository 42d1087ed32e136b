import Base
import Testing
import XDS

@testable import Discovery

/// A peer that behaves like a proxy: holds what it accepted, asks for what that names, answers in order but late.
private struct SimulatedProxy {
    enum Message {
        case answer(StreamSession.Response, names: [String], version: String, refusal: String?)
        /// With the nonce of what was read last.
        case names(ResourceType, [String], version: String, nonce: String)
    }

    var session: StreamSession
    var now = MonotonicTime(nanoseconds: 1)
    var held: [ResourceType: [String: EncodedResource]] = [:]
    var inbox: [StreamSession.Response] = []
    var outbox: [Message] = []
    var asked: [ResourceType: Set<String>] = [:]
    var accepted: [ResourceType: String] = [:]
    var readNonce: [ResourceType: String] = [:]
    var unanswered: [ResourceType: Int] = [:]
    var generator: SeededGenerator
    var refusesSometimes: Bool
    let checksRoutes: Bool
    var broken: [String] = []

    init(_ variant: StreamSession.Variant, seed: UInt64, refusesSometimes: Bool) {
        session = StreamSession(variant: variant, noncePrefix: "s")
        generator = SeededGenerator(seed: seed)
        self.refusesSometimes = refusesSometimes
        checksRoutes = !refusesSometimes
    }

    mutating func take(_ outputs: [StreamSession.Output]) {
        for case .send(let response) in outputs {
            inbox.append(response)
            unanswered[response.type, default: 0] += 1
            if unanswered[response.type] != 1 { broken.append("two unanswered \(response.type)") }
        }
    }

    mutating func start() {
        send(.cluster, [])
        send(.listener, [])
    }

    mutating func send(_ type: ResourceType, _ names: [String]) {
        outbox.append(.names(type, names, version: accepted[type] ?? "", nonce: readNonce[type] ?? ""))
    }

    /// The proxy reads one response.
    mutating func read() {
        guard !inbox.isEmpty else { return }
        let response = inbox.removeFirst()
        let refuses = refusesSometimes && generator.next() % 5 == 0
        readNonce[response.type] = response.nonce
        let names = (asked[response.type] ?? []).sorted()
        if !refuses { accepted[response.type] = response.version }
        let version = accepted[response.type] ?? ""
        outbox.append(.answer(response, names: names, version: version, refusal: refuses ? "not today" : nil))
        guard !refuses else { return }
        if session.variant == .stateOfTheWorld, response.type.isComplete { held[response.type] = [:] }
        for resource in response.resources { held[response.type, default: [:]][resource.name] = resource }
        for name in response.removed { held[response.type]?[name] = nil }
        follow(.cluster, .endpoint)
        follow(.listener, .route)
        checkRoutes(after: response)
    }

    /// Subscribes to what is named by what is held, and forgets the rest.
    private mutating func follow(_ user: ResourceType, _ type: ResourceType) {
        var names: Set<String> = []
        for resource in (held[user] ?? [:]).values {
            let references = try? References(of: user, bytes: resource.bytes)
            names.formUnion(references?.names(type) ?? [])
        }
        guard names != asked[type] ?? [] else { return }
        asked[type] = names
        held[type] = held[type]?.filter { names.contains($0.key) }
        send(type, names.sorted())
    }

    /// Make before break: no route names a cluster that is gone.
    private mutating func checkRoutes(after response: StreamSession.Response) {
        guard checksRoutes else { return }
        for resource in (held[.route] ?? [:]).values {
            let clusters = (try? References(of: .route, bytes: resource.bytes))?.clusters ?? []
            for name in clusters where held[.cluster]?[name] == nil {
                broken.append("after \(response.type) \(response.version): route to missing \(name)")
            }
        }
    }

    /// The server reads one request.
    mutating func deliver() {
        guard !outbox.isEmpty else { return }
        switch outbox.removeFirst() {
        case .answer(let response, let names, let version, let refusal):
            unanswered[response.type, default: 0] -= 1
            switch session.variant {
            case .stateOfTheWorld:
                take(
                    session.receive(
                        response.type,
                        names: names,
                        version: version,
                        nonce: response.nonce,
                        rejection: refusal,
                        now: now
                    )
                )
            case .delta:
                take(request(response.type, [], [], nonce: response.nonce, refusal))
            }
        case .names(let type, let names, let version, let nonce):
            let old = served[type] ?? []
            served[type] = Set(names)
            switch session.variant {
            case .stateOfTheWorld:
                take(session.receive(type, names: names, version: version, nonce: nonce, rejection: nil, now: now))
            case .delta:
                let added = Set(names).subtracting(old).sorted()
                take(request(type, added, old.subtracting(names).sorted(), nonce: "", nil))
            }
        }
    }

    /// What the server was last told.
    private var served: [ResourceType: Set<String>] = [:]

    private mutating func request(
        _ type: ResourceType,
        _ subscribe: [String],
        _ unsubscribe: [String],
        nonce: String,
        _ refusal: String?
    ) -> [StreamSession.Output] {
        session.receive(
            type,
            subscribe: subscribe,
            unsubscribe: unsubscribe,
            initialVersions: [:],
            nonce: nonce,
            rejection: refusal,
            now: now
        )
    }
}

@Suite struct SimulationTests {
    private static func world(_ version: UInt64, _ generator: inout SeededGenerator) -> Snapshot {
        let all = ["a", "b", "c", "d"]
        var clusters = all.filter { _ in generator.next() % 2 == 0 }
        if clusters.isEmpty { clusters = ["a"] }
        let target = clusters[Int(generator.next() % UInt64(clusters.count))]
        var snapshot = Fixture.snapshot(
            version,
            clusters: clusters,
            routeTo: target,
            content: 1 + UInt32(generator.next() % 2)
        )
        for name in clusters where generator.next() % 3 == 0 {
            snapshot.insert(Fixture.endpoints(name, port: 80 + UInt32(generator.next() % 3)), as: .endpoint)
        }
        if generator.next() % 4 == 0 { snapshot.insert(Fixture.listener("l", port: 81, routes: "r"), as: .listener) }
        return snapshot
    }

    private static func run(_ variant: StreamSession.Variant, seed: UInt64, refuses: Bool) -> SimulatedProxy {
        var generator = SeededGenerator(seed: seed)
        var proxy = SimulatedProxy(variant, seed: seed &+ 1, refusesSometimes: refuses)
        var last = world(1, &generator)
        proxy.take(proxy.session.update(last, now: proxy.now))
        proxy.start()
        for version in 2...12 as ClosedRange<UInt64> {
            for _ in 0..<Int(generator.next() % 30) {
                switch generator.next() % 3 {
                case 0: proxy.read()
                case 1: proxy.deliver()
                default:
                    proxy.now = proxy.now.advanced(by: .milliseconds(5))
                    proxy.take(proxy.session.advance(to: proxy.now))
                }
            }
            last = world(version, &generator)
            proxy.take(proxy.session.update(last, now: proxy.now))
        }
        // A last change that is always accepted, and time for everything to settle.
        proxy.refusesSometimes = false
        last = world(13, &generator)
        last.insert(Fixture.cluster("final"), as: .cluster)
        last.insert(Fixture.endpoints("final"), as: .endpoint)
        last.insert(Fixture.routes("r", to: "final"), as: .route)
        last.insert(Fixture.listener("l", port: 99, routes: "r"), as: .listener)
        proxy.take(proxy.session.update(last, now: proxy.now))
        for _ in 0..<400 {
            proxy.read()
            proxy.deliver()
            proxy.now = proxy.now.advanced(by: .milliseconds(50))
            proxy.take(proxy.session.advance(to: proxy.now))
        }
        for type in ResourceType.allCases where (proxy.held[type] ?? [:]) != (last.resources[type] ?? [:]) {
            let held = (proxy.held[type] ?? [:]).keys.sorted()
            proxy.broken.append("\(type) at the end: \(held), \((last.resources[type] ?? [:]).keys.sorted()) expected")
        }
        if proxy.session.lastSynced != 13 { proxy.broken.append("not reported as settled") }
        return proxy
    }

    @Test(arguments: StreamSessionTests.variants) func `whatever the order of events, routes only name clusters held`(
        _ variant: StreamSession.Variant
    ) {
        for seed in 1...50 as ClosedRange<UInt64> {
            let proxy = Self.run(variant, seed: seed, refuses: false)
            #expect(proxy.broken.isEmpty, "seed \(seed): \(proxy.broken.prefix(3))")
        }
    }

    @Test(arguments: StreamSessionTests.variants) func `whatever is refused meanwhile, the end is the last snapshot`(
        _ variant: StreamSession.Variant
    ) {
        for seed in 1...50 as ClosedRange<UInt64> {
            let proxy = Self.run(variant, seed: seed, refuses: true)
            #expect(proxy.broken.isEmpty, "seed \(seed): \(proxy.broken.prefix(3))")
        }
    }
}
