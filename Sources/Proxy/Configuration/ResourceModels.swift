internal import XDS

/// The decoded resources of one snapshot, each with the version of its bytes.
///
/// Also the door for tests, which build models instead of bytes.
struct ResourceModels {
    struct Versioned<Model> {
        var version: String
        var model: Model
    }

    var version: UInt64
    var listeners: [Versioned<Listener>] = []
    var clusters: [Versioned<Cluster>] = []
    var assignments: [String: Versioned<ClusterLoadAssignment>] = [:]
    var routes: [String: Versioned<RouteConfiguration>] = [:]
    var secrets: [String: Versioned<Secret>] = [:]

    init(version: UInt64) { self.version = version }

    /// - Throws: the first resource that does not decode.
    init(decoding snapshot: Snapshot) throws(ConfigurationError) {
        version = snapshot.version
        for resource in snapshot.all(.listener) {
            let model = try Self.decode(resource, .listener) { bytes throws(DecodeError) in
                try Listener(decoding: bytes)
            }
            listeners.append(Versioned(version: resource.version, model: model))
        }
        for resource in snapshot.all(.cluster) {
            let model = try Self.decode(resource, .cluster) { bytes throws(DecodeError) in try Cluster(decoding: bytes)
            }
            clusters.append(Versioned(version: resource.version, model: model))
        }
        for resource in snapshot.all(.endpoint) {
            let model = try Self.decode(resource, .endpoint) { bytes throws(DecodeError) in
                try ClusterLoadAssignment(decoding: bytes)
            }
            assignments[resource.name] = Versioned(version: resource.version, model: model)
        }
        for resource in snapshot.all(.route) {
            let model = try Self.decode(resource, .route) { bytes throws(DecodeError) in
                try RouteConfiguration(decoding: bytes)
            }
            routes[resource.name] = Versioned(version: resource.version, model: model)
        }
        for resource in snapshot.all(.secret) {
            let model = try Self.decode(resource, .secret) { bytes throws(DecodeError) in try Secret(decoding: bytes) }
            secrets[resource.name] = Versioned(version: resource.version, model: model)
        }
    }

    private static func decode<Model>(
        _ resource: EncodedResource,
        _ type: ResourceType,
        _ body: ([UInt8]) throws(DecodeError) -> Model
    ) throws(ConfigurationError) -> Model {
        do {
            return try body(resource.bytes)
        } catch {
            throw ConfigurationError(type: type, resource: resource.name, detail: error.description)
        }
    }
}
