/// Extras of the HTTP routes of one VirtualService, or of one of its rules: what Istio's kind has no field for.
///
/// Shape: an attached policy. A policy with `sectionName` replaces, section by section, what one without it says. Of
/// two policies with one target the older one wins.
public struct RoutePolicySpec: FieldObject {
    /// Source: the policy attachment of the Gateway API (`targetRef`, `sectionName`).
    public struct TargetRef: FieldObject {
        public var group: String?
        public var kind: String = ""
        public var name: String = ""
        public var sectionName: String?
        public init() {}
        public static let fields: [Field<TargetRef>] = [
            Field("group", \.group, "networking.istio.io, the default"),
            Field("kind", \.kind, "VirtualService", required: true),
            Field("name", \.name, "of a VirtualService in the same namespace", required: true),
            Field("sectionName", \.sectionName, "name of one http rule; default all rules"),
        ]
    }

    /// Compression of responses in the gzip format for clients that accept it.
    public struct Compression: FieldObject, Hashable {
        public var enabled: Bool?
        public var contentTypes: [String] = []
        public var minBytes: UInt32?
        public var level: UInt32?
        public init() {}
        public static let fields: [Field<Compression>] = [
            Field("enabled", \.enabled, "default true; false turns off what a wider policy turns on"),
            Field("contentTypes", \.contentTypes, "media types; default text, JSON, JavaScript, XHTML and SVG"),
            Field("minBytes", \.minBytes, "shorter responses are left alone; default 1024"),
            Field("level", \.level, "1 (fastest) to 9 (smallest); default 6"),
        ]
    }

    public var targetRef = TargetRef()
    public var compression: Compression?
    public var upgrades: [String] = []
    public init() {}
    public static let fields: [Field<RoutePolicySpec>] = [
        Field("targetRef", \.targetRef, "what the policy is for", required: true),
        Field("compression", \.compression, "of responses; default off"),
        Field("upgrades", \.upgrades, "protocols that a client may switch to, beside websocket"),
    ]
}
