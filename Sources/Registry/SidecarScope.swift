public import Base
public import Resources

/// What the sidecar of a workload imports and how it treats everything else.
///
/// Source: Istio. A Sidecar whose selector picks the workload wins over a selector-less one of its namespace, that
/// over a selector-less one of the root namespace; without any, everything exported to the namespace is imported.
public struct SidecarScope: Sendable {
    /// One egress entry: a namespace (`*`, `.` resolved, `~`) and a host pattern.
    public struct Import: Sendable, Hashable {
        public var namespace: String
        public var host: HostPattern
        /// `~ns/host`: removes what other entries import.
        public var isExclusion: Bool

        init?(_ text: String, ownNamespace: String) {
            guard let slash = text.firstIndex(of: "/") else { return nil }
            var owner = String(text[..<slash])
            isExclusion = owner.hasPrefix("~") && owner != "~"
            if isExclusion { owner.removeFirst() }
            namespace = owner == "." ? ownNamespace : owner
            host = HostPattern(text[text.index(after: slash)...])
        }

        func covers(_ name: HostPattern, namespace other: String) -> Bool {
            guard namespace == "*" || namespace == other else { return false }
            return name.matches(host) || name.isSubset(of: host)
        }
    }

    /// One egress listener; `port` nil is the shared outbound port.
    public struct Egress: Sendable {
        public var port: Port?
        public var bind: String?
        public var imports: [Import]

        public init(port: Port?, bind: String?, imports: [Import]) {
            self.port = port
            self.bind = bind
            self.imports = imports
        }

        public func includes(_ hostname: String, namespace: String) -> Bool {
            let name = HostPattern(hostname)
            if imports.contains(where: { $0.isExclusion && $0.covers(name, namespace: namespace) }) { return false }
            return imports.contains { !$0.isExclusion && $0.covers(name, namespace: namespace) }
        }
    }

    public var source: ResourceKey?
    public var ingress: [SidecarSpec.IstioIngressListener]
    public var egress: [Egress]
    public var outboundPolicy: SidecarSpec.OutboundTrafficPolicy?
    public var inboundConnectionPool: ConnectionPoolSettings?

    /// Without a Sidecar resource: everything.
    public static let everything = SidecarScope(
        source: nil,
        ingress: [],
        egress: [Egress(port: nil, bind: nil, imports: [])],
        outboundPolicy: nil,
        inboundConnectionPool: nil,
        importsAll: true
    )

    private var importsAll: Bool

    private init(
        source: ResourceKey?,
        ingress: [SidecarSpec.IstioIngressListener],
        egress: [Egress],
        outboundPolicy: SidecarSpec.OutboundTrafficPolicy?,
        inboundConnectionPool: ConnectionPoolSettings?,
        importsAll: Bool
    ) {
        self.source = source
        self.ingress = ingress
        self.egress = egress
        self.outboundPolicy = outboundPolicy
        self.inboundConnectionPool = inboundConnectionPool
        self.importsAll = importsAll
    }

    init(_ spec: SidecarSpec, source: ResourceKey, workloadNamespace: String) {
        let listeners = spec.egress.map { listener in
            Egress(
                port: listener.port,
                bind: listener.bind,
                imports: listener.hosts.compactMap { Import($0, ownNamespace: workloadNamespace) }
            )
        }
        self.init(
            source: source,
            ingress: spec.ingress,
            egress: listeners.isEmpty ? SidecarScope.everything.egress : listeners,
            outboundPolicy: spec.outboundTrafficPolicy,
            inboundConnectionPool: spec.inboundConnectionPool,
            importsAll: listeners.isEmpty
        )
    }

    /// True when a listener may reach a name of a namespace.
    public func imports(_ hostname: String, namespace: String, through listener: Egress) -> Bool {
        importsAll || listener.includes(hostname, namespace: namespace)
    }

    /// True when any listener may.
    public func imports(_ hostname: String, namespace: String) -> Bool {
        importsAll || egress.contains { $0.includes(hostname, namespace: namespace) }
    }
}
