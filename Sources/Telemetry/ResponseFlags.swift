/// Why an exchange went the way it did, in Envoy's two-letter words, so that dashboards and habits keep working.
///
/// Source: Envoy access-log documentation, `%RESPONSE_FLAGS%`. Several may be set; they print in this order.
public struct ResponseFlags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32

    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// UH: no healthy upstream.
    @inlinable public static var noHealthyUpstream: Self { Self(rawValue: 1 << 0) }
    /// UF: the upstream connection failed.
    @inlinable public static var upstreamConnectFailure: Self { Self(rawValue: 1 << 1) }
    /// UO: a circuit breaker limit was met.
    @inlinable public static var upstreamOverflow: Self { Self(rawValue: 1 << 2) }
    /// NR: no route, or no filter chain.
    @inlinable public static var noRoute: Self { Self(rawValue: 1 << 3) }
    /// URX: the retry limit was met.
    @inlinable public static var retryLimit: Self { Self(rawValue: 1 << 4) }
    /// NC: the route names a cluster that does not exist.
    @inlinable public static var noCluster: Self { Self(rawValue: 1 << 5) }
    /// DC: the downstream went away.
    @inlinable public static var downstreamGone: Self { Self(rawValue: 1 << 6) }
    /// LR: we reset the stream.
    @inlinable public static var localReset: Self { Self(rawValue: 1 << 7) }
    /// UR: the upstream reset the stream.
    @inlinable public static var upstreamReset: Self { Self(rawValue: 1 << 8) }
    /// UC: the upstream connection ended.
    @inlinable public static var upstreamClosed: Self { Self(rawValue: 1 << 9) }
    /// UT: the upstream took too long.
    @inlinable public static var upstreamTimeout: Self { Self(rawValue: 1 << 10) }
    /// DI: a delay was injected.
    @inlinable public static var delayInjected: Self { Self(rawValue: 1 << 11) }
    /// FI: an abort was injected.
    @inlinable public static var faultInjected: Self { Self(rawValue: 1 << 12) }
    /// RL: a local rate limit refused it.
    @inlinable public static var rateLimited: Self { Self(rawValue: 1 << 13) }
    /// UAEX: authorization refused it.
    @inlinable public static var unauthorized: Self { Self(rawValue: 1 << 14) }
    /// SI: the stream was idle for too long.
    @inlinable public static var streamIdle: Self { Self(rawValue: 1 << 15) }
    /// DPE: the downstream broke the protocol.
    @inlinable public static var downstreamProtocol: Self { Self(rawValue: 1 << 16) }
    /// UPE: the upstream broke the protocol.
    @inlinable public static var upstreamProtocol: Self { Self(rawValue: 1 << 17) }
    /// OM: an overload limit refused it.
    @inlinable public static var overload: Self { Self(rawValue: 1 << 18) }
    /// DF: the upstream's name did not resolve.
    @inlinable public static var dnsFailure: Self { Self(rawValue: 1 << 19) }
    /// UMSDR: the stream lasted longer than allowed.
    @inlinable public static var durationLimit: Self { Self(rawValue: 1 << 20) }

    @usableFromInline static let words: [StaticString] = [
        "UH", "UF", "UO", "NR", "URX", "NC", "DC", "LR", "UR", "UC", "UT", "DI", "FI", "RL", "UAEX", "SI", "DPE",
        "UPE", "OM", "DF", "UMSDR",
    ]

    /// The words joined with commas; `-` when no flag is set.
    public var text: String {
        if rawValue == 0 { return "-" }
        return Self.words.indices.filter { rawValue & (1 << UInt32($0)) != 0 }.map { "\(Self.words[$0])" }
            .joined(separator: ",")
    }
}
