public import Base

/// A plain JSON-like value (`google.protobuf.Struct`), for metadata.
public indirect enum MetadataValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case list([MetadataValue])
    case object([String: MetadataValue])
}

/// Filter name → its values. Endpoint subsets and TLS modes are chosen by `envoy.lb` and
/// `envoy.transport_socket_match`.
public typealias Metadata = [String: [String: MetadataValue]]

/// Where bytes of a certificate or a body come from. Inline text and inline bytes are the same here.
public enum DataSource: Hashable, Sendable {
    case inline([UInt8])
    case file(path: String)
    case environment(variable: String)
}

/// Where a socket listens or an endpoint is reached.
public enum Address: Hashable, Sendable {
    case socket(SocketAddress)
    /// A host name with a port: only for endpoints of DNS clusters.
    case name(host: String, port: UInt16)
    /// A unix socket.
    case pipe(path: String)
}

/// Where something runs; empty strings mean "not given".
public struct Locality: Hashable, Sendable {
    public var region: String = ""
    public var zone: String = ""
    public var subZone: String = ""

    public init(
        region: String = "",
        zone: String = "",
        subZone: String = ""
    ) {
        self.region = region
        self.zone = zone
        self.subZone = subZone
    }
}

/// Tokens that requests or connections draw from.
public struct TokenBucket: Hashable, Sendable {
    public var tokensMax: UInt32
    public var tokensPerFill: UInt32 = 1
    public var fillInterval: Duration

    public init(
        tokensMax: UInt32,
        tokensPerFill: UInt32 = 1,
        fillInterval: Duration
    ) {
        self.tokensMax = tokensMax
        self.tokensPerFill = tokensPerFill
        self.fillInterval = fillInterval
    }
}

/// Where records of finished requests and connections go.
public struct AccessLog: Hashable, Sendable {
    public enum Sink: Hashable, Sendable {
        case stdout
        case file(path: String)
    }

    public enum Format: Hashable, Sendable {
        /// The proxy's own default.
        case standard
        /// A line with substitution commands, its newline included.
        case text(String)
        /// JSON; leaves of the tree are lines with substitution commands.
        case json([String: MetadataValue])
    }

    public var name: String = ""
    public var sink: Sink
    public var format: Format = .standard
    public var omitsEmptyValues: Bool = false
    /// Nil logs everything.
    public var filter: AccessLogFilter? = nil

    public init(
        name: String = "",
        sink: Sink,
        format: Format = .standard,
        omitsEmptyValues: Bool = false,
        filter: AccessLogFilter? = nil
    ) {
        self.name = name
        self.sink = sink
        self.format = format
        self.omitsEmptyValues = omitsEmptyValues
        self.filter = filter
    }
}

/// Which requests are logged.
public indirect enum AccessLogFilter: Hashable, Sendable {
    public enum Comparison: Hashable, Sendable { case equal, notEqual, atLeast, atMost }

    case status(Comparison, UInt32)
    case duration(Comparison, milliseconds: UInt32)
    case notHealthCheck
    case sampled(Fraction)
    case header(HeaderMatcher)
    /// Empty means any flag.
    case responseFlags([String])
    /// Canonical gRPC codes.
    case grpcStatus([UInt32], isExcluding: Bool)
    case all([AccessLogFilter])
    case any([AccessLogFilter])
}
