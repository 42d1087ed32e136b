/// One xDS resource as it goes over the wire: made once, shared by every proxy that gets it.
public struct EncodedResource: Hashable, Sendable {
    public let name: String
    /// A hash of `bytes`: equal content has an equal version, whichever process made it.
    public let version: String
    /// The protobuf message itself, not wrapped in an Any.
    public let bytes: [UInt8]

    public init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
        version = ContentHash.text(of: bytes)
    }

    /// One that came over the wire with the version its sender gave it.
    public init(name: String, bytes: [UInt8], version: String) {
        self.name = name
        self.bytes = bytes
        self.version = version.isEmpty ? ContentHash.text(of: bytes) : version
    }

    public static func == (a: Self, b: Self) -> Bool {
        a.version == b.version && a.name == b.name && a.bytes == b.bytes
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(name)
        hasher.combine(version)
    }
}

/// Everything one proxy is to serve: the result of translation, the input of compilation, and what is kept on disk.
public struct Snapshot: Equatable, Sendable {
    /// The store revision it was built from.
    public var version: UInt64
    public var resources: [ResourceType: [String: EncodedResource]]

    public init(version: UInt64, resources: [ResourceType: [String: EncodedResource]] = [:]) {
        self.version = version
        self.resources = resources
    }

    /// Adds, or replaces the one of that name.
    public mutating func insert(_ resource: EncodedResource, as type: ResourceType) {
        resources[type, default: [:]][resource.name] = resource
    }

    public func resource(_ type: ResourceType, _ name: String) -> EncodedResource? { resources[type]?[name] }

    /// Sorted by name.
    public func all(_ type: ResourceType) -> [EncodedResource] {
        (resources[type] ?? [:]).values.sorted { $0.name < $1.name }
    }

    /// True when both would make a proxy do the same; the version is not compared.
    public func hasSameContent(as other: Snapshot) -> Bool {
        ResourceType.allCases.allSatisfy { (resources[$0] ?? [:]) == (other.resources[$0] ?? [:]) }
    }

    public var count: Int { resources.values.reduce(0) { $0 + $1.count } }
}
