internal import Proxy
internal import Resources
internal import XDS

/// What administrators and control planes send: JSON, YAML, xDS.
enum ConfigurationTargets {
    static func json(_ input: SlackedInput) throws(FuzzFinding) {
        let value: JSONValue
        do throws(SyntaxError) { value = try JSONValue(parsing: input.array) } catch { return }
        for pretty in [false, true] {
            let text = value.serialized(pretty: pretty)
            let again: JSONValue
            do throws(SyntaxError) { again = try JSONValue(parsing: text) } catch {
                throw FuzzFinding("our own text does not parse: \(error)")
            }
            try require(again.isEquivalent(to: value), "the value does not survive its text")
            try require(again.serialized(pretty: pretty) == text, "the text does not survive its value")
        }
        let located: JSONValue
        do throws(SyntaxError) { located = try JSONValue.parse(input.array).value } catch {
            throw FuzzFinding("accepted without lines, refused with them")
        }
        try require(located == value, "with and without lines the values differ")
        try resource(value)
    }

    static func yaml(_ input: SlackedInput) throws(FuzzFinding) {
        let documents: [Manifest.Document]
        do throws(SyntaxError) { documents = try Manifest.documents(input.array, .yaml) } catch { return }
        for document in documents { try resource(document.value) }
    }

    /// What is accepted is stored as JSON and must come back the same.
    private static func resource(_ value: JSONValue) throws(FuzzFinding) {
        let decoded: Resource
        do throws(DecodeFailure) { decoded = try Resource.decode(json: value).resource } catch { return }
        let stored = decoded.json()
        let restored: Resource
        do throws(DecodeFailure) { restored = try Resource.restore(json: stored, creationSequence: 0) } catch {
            throw FuzzFinding("an accepted object cannot be read back: \(error)")
        }
        try require(restored.json().isEquivalent(to: stored), "an accepted object comes back changed")
    }

    /// Input: any number of resources, each a byte for its type, two for its length, its message. What decodes is
    /// compiled as a whole, as a worker would.
    static func xds(_ input: SlackedInput) throws(FuzzFinding) {
        var snapshot = Snapshot(version: 1)
        var rest = input.array[...]
        while rest.count > 3, snapshot.count < 16 {
            let head = Array(rest.prefix(3))
            guard let type = ResourceType(rawValue: Int(head[0]) % ResourceType.allCases.count) else { return }
            let bytes = Array(rest.dropFirst(3).prefix(Int(head[1]) << 8 | Int(head[2])))
            rest = rest.dropFirst(3 + bytes.count)
            snapshot.insert(EncodedResource(name: name(type, bytes), bytes: bytes), as: type)
        }
        let restored: Snapshot
        do throws(DecodeError) { restored = try Snapshot(decoding: snapshot.encoded()) } catch {
            throw FuzzFinding("our own snapshot does not decode: \(error)")
        }
        try require(restored == snapshot, "a snapshot does not survive its bytes")
        _ = snapshot.problems()
        _ = try? Snapshot(decoding: input.array)
        let first: RuntimeConfiguration
        do throws(ConfigurationError) { first = try RuntimeConfiguration(compiling: snapshot, previous: nil) } catch {
            return
        }
        do throws(ConfigurationError) { _ = try RuntimeConfiguration(compiling: snapshot, previous: first) } catch {
            throw FuzzFinding("compiled once and refused the second time: \(error)")
        }
    }

    /// The name a server would give the resource; another one is an error found early.
    private static func name(_ type: ResourceType, _ bytes: [UInt8]) -> String {
        do throws(DecodeError) {
            switch type {
            case .cluster: return try Cluster(decoding: bytes).name
            case .endpoint: return try ClusterLoadAssignment(decoding: bytes).clusterName
            case .listener: return try Listener(decoding: bytes).name
            case .route: return try RouteConfiguration(decoding: bytes).name
            case .secret: return try Secret(decoding: bytes).name
            }
        } catch {
            return "unreadable"
        }
    }
}
