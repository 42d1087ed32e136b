public import Base
internal import CCares
internal import CSys
public import Transport

/// What a name resolution brought.
public enum ResolverAnswer: Sendable, Equatable {
    /// At least one address; `lifetime` is the smallest TTL of the records.
    case addresses([IPAddress], lifetime: Duration)
    /// The text is c-ares's, for logs.
    case failure(String)
}

/// Which families of address to ask for.
public enum ResolverFamily: Sendable, Equatable {
    /// IPv4 only.
    case v4
    /// IPv6 only.
    case v6
    /// Both; IPv4 answers come first.
    case any
}

/// Gets one answer. Subclassed by clusters; held by the resolver until it has answered.
open class ResolverClient {
    public init() {}

    /// Runs on the loop's thread, once per `resolve`, never before `resolve` returned.
    open func resolved(_ answer: ResolverAnswer) {}
}

/// Asynchronous name resolution on one event loop, by c-ares: `/etc/hosts`, then DNS with TTLs.
///
/// Everything happens on the loop's thread. Lookups that are under way when the resolver goes are cancelled.
public final class DomainResolver {
    private final class Query: DeferredWork {
        let client: ResolverClient
        let family: ResolverFamily
        let loop: EventLoop
        var answer: ResolverAnswer?
        /// Where the answer is shared; nil when it came from there.
        var shared: (names: SharedNames, key: SharedNames.Key)?

        init(client: ResolverClient, family: ResolverFamily, loop: EventLoop) {
            self.client = client
            self.family = family
            self.loop = loop
        }

        /// The answer of c-ares.
        func end(_ answer: ResolverAnswer) {
            self.answer = answer
            if let shared { shared.names.store(shared.key, answer, now: loop.now) }
            loop.enqueue(self)
        }

        override func runDeferred() {
            if let answer { client.resolved(answer) }
        }
    }

    /// Looks again for what another worker has asked.
    private final class Patience: LoopTimer {
        unowned let resolver: DomainResolver
        let name: String
        let family: ResolverFamily
        let client: ResolverClient

        init(_ resolver: DomainResolver, name: String, family: ResolverFamily, client: ResolverClient) {
            self.resolver = resolver
            self.name = name
            self.family = family
            self.client = client
        }

        override func fire() {
            resolver.patient[ObjectIdentifier(self)] = nil
            resolver.resolve(name, family: family, client: client)
        }
    }

    /// A socket of c-ares, which opens and closes it.
    private final class Source: EventSource {
        unowned let resolver: DomainResolver

        init(descriptor: Int32, resolver: DomainResolver) {
            self.resolver = resolver
            super.init(descriptor: descriptor)
        }

        override func onEvents(_ events: IOEvents) {
            let isFailed = !events.intersection([.failed, .hungUp, .peerClosed]).isEmpty
            resolver.process(
                reading: isFailed || events.contains(.readable) ? descriptor : -1,
                writing: isFailed || events.contains(.writable) ? descriptor : -1
            )
        }
    }

    private final class Clock: LoopTimer {
        unowned let resolver: DomainResolver

        init(resolver: DomainResolver) { self.resolver = resolver }

        override func fire() { resolver.process(reading: -1, writing: -1) }
    }

    /// c-ares keeps process-wide state that must be set up once.
    private static let isReady = ares_library_init(1) == 0

    private let loop: EventLoop
    private let names: SharedNames?
    private var patient: [ObjectIdentifier: Patience] = [:]
    private var channel: ares_channel?
    private var sources: [Int32: Source] = [:]
    private var clock: Clock?

    /// - Parameters:
    ///   - servers: name servers to ask; empty means those of `/etc/resolv.conf`.
    ///   - names: what the resolvers of the process share.
    public init(loop: EventLoop, servers: [SocketAddress], sharing names: SharedNames? = nil) {
        self.loop = loop
        self.names = names
        guard Self.isReady else { return }
        var options = ares_options()
        options.timeout = 2000
        options.tries = 3
        options.sock_state_cb_data = Unmanaged.passUnretained(self).toOpaque()
        options.sock_state_cb = { context, socket, reading, writing in
            guard let context else { return }
            let resolver = Unmanaged<DomainResolver>.fromOpaque(context).takeUnretainedValue()
            resolver.watch(socket, reading: reading != 0, writing: writing != 0)
        }
        let mask = 1 << 9 | 1 << 13 | 1 << 2
        guard ares_init_options(&channel, &options, Int32(mask)) == 0, let channel else { return }
        if !servers.isEmpty {
            let list = servers.map(\.description).joined(separator: ",")
            _ = ares_set_servers_ports_csv(channel, list)
        }
    }

    deinit {
        if let channel { ares_destroy(channel) }
        clock?.cancel()
        for timer in patient.values { timer.cancel() }
    }

    /// - Parameter name: a host name; numeric addresses are answered too.
    public func resolve(_ name: String, family: ResolverFamily, client: ResolverClient) {
        let query = Query(client: client, family: family, loop: loop)
        guard let channel else {
            query.answer = .failure("resolver not available")
            loop.enqueue(query)
            return
        }
        if let names {
            let key = SharedNames.Key(name: name, family: family)
            switch names.look(key, now: loop.now) {
            case .answer(let answer):
                query.answer = answer
                loop.enqueue(query)
                return
            case .pending:
                let timer = Patience(self, name: name, family: family, client: client)
                patient[ObjectIdentifier(timer)] = timer
                loop.schedule(timer, after: .milliseconds(10))
                return
            case .mine: query.shared = (names, key)
            }
        }
        var hints = ares_addrinfo_hints()
        switch family {
        case .v4: hints.ai_family = AF_INET
        case .v6: hints.ai_family = AF_INET6
        case .any: hints.ai_family = AF_UNSPEC
        }
        hints.ai_socktype = 1
        let context = Unmanaged.passRetained(query).toOpaque()
        ares_getaddrinfo(
            channel,
            name,
            nil,
            &hints,
            { context, status, _, result in
                guard let context else { return }
                let query = Unmanaged<Query>.fromOpaque(context).takeRetainedValue()
                let answer = DomainResolver.answer(status: status, result: result, family: query.family)
                if let result { ares_freeaddrinfo(result) }
                // Destruction of the channel is not an answer.
                if status != 16 { query.end(answer) }
            },
            context
        )
        armClock()
    }

    private static func answer(
        status: Int32,
        result: UnsafeMutablePointer<ares_addrinfo>?,
        family: ResolverFamily
    ) -> ResolverAnswer {
        guard status == 0, let result else {
            guard let text = ares_strerror(status) else { return .failure("error \(status)") }
            return .failure(String(cString: text))
        }
        var four: [IPAddress] = []
        var six: [IPAddress] = []
        var lifetime = Int32.max
        var node = result.pointee.nodes
        while let current = node, four.count + six.count < 256 {
            lifetime = min(lifetime, current.pointee.ai_ttl)
            if let address = address(of: current.pointee) {
                if address.isIPv6 { six.append(address) } else { four.append(address) }
            }
            node = current.pointee.ai_next
        }
        let all = four + six
        if all.isEmpty { return .failure("no address") }
        return .addresses(all, lifetime: .seconds(Int64(max(0, lifetime == .max ? 0 : lifetime))))
    }

    private static func address(of node: ares_addrinfo_node) -> IPAddress? {
        guard let raw = UnsafeRawPointer(node.ai_addr) else { return nil }
        switch node.ai_family {
        case AF_INET:
            let four = raw.loadUnaligned(as: sockaddr_in.self)
            return IPAddress(ipv4: UInt32(bigEndian: four.sin_addr.s_addr))
        case AF_INET6:
            let offset = MemoryLayout<sockaddr_in6>.offset(of: \.sin6_addr) ?? 8
            let high = raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let low = raw.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)
            return IPAddress(ipv6High: UInt64(bigEndian: high), low: UInt64(bigEndian: low))
        default: return nil
        }
    }

    private func watch(_ socket: Int32, reading: Bool, writing: Bool) {
        guard reading || writing else {
            if let source = sources.removeValue(forKey: socket) { loop.remove(source) }
            return
        }
        let source = sources[socket] ?? Source(descriptor: socket, resolver: self)
        sources[socket] = source
        do throws(SocketError) {
            try loop.addLevelTriggered(source, reading: reading, writing: writing)
        } catch {
            // The query then ends by its timeout, which is a failure like any other.
            sources[socket] = nil
        }
    }

    private func process(reading: Int32, writing: Int32) {
        guard let channel else { return }
        ares_process_fd(channel, reading, writing)
        armClock()
    }

    private func armClock() {
        guard let channel else { return }
        var most = timeval(tv_sec: 5, tv_usec: 0)
        var wait = timeval()
        guard !sources.isEmpty, ares_timeout(channel, &most, &wait) != nil else {
            clock?.cancel()
            return
        }
        let clock = self.clock ?? Clock(resolver: self)
        self.clock = clock
        let delay = Duration.milliseconds(Int64(wait.tv_sec) * 1000 + Int64(wait.tv_usec) / 1000 + 1)
        loop.schedule(clock, after: delay)
    }
}
