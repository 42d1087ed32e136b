internal import Crypto
internal import Resources

/// Turns objects into the bytes of their rows and back: Secrets sealed with AES-256-GCM, everything else as JSON text.
///
/// The context of a seal is kind, namespace, name and resourceVersion, so that a sealed row cannot be put in the
/// place of another or of an older one.
struct ObjectCoder: Sendable {
    let key: SealingKey

    func row(_ resource: Resource, resourceVersion: UInt64) -> ObjectRow {
        ObjectRow(
            kind: resource.kind.rawValue,
            namespace: resource.key.namespace,
            name: resource.metadata.name,
            resourceVersion: resourceVersion,
            creationSequence: resource.creationSequence,
            isSealed: resource.kind == .secret,
            body: bytes(resource, resourceVersion: resourceVersion)
        )
    }

    func bytes(_ resource: Resource, resourceVersion: UInt64) -> [UInt8] {
        let text = resource.json().serialized()
        guard resource.kind == .secret else { return text }
        return key.seal(
            text,
            context: Self.context(
                resource.kind.rawValue,
                resource.key.namespace,
                resource.metadata.name,
                resourceVersion
            )
        )
    }

    /// - Throws: `.corrupt` when the bytes are not what was written, `.wrongKey` when they do not open.
    func resource(_ row: ObjectRow) throws(StoreError) -> Resource {
        try resource(row.body, of: row)
    }

    /// Decodes `bytes`, which belong to `row`: its own body, or the object before the event.
    func resource(_ bytes: [UInt8], of row: ObjectRow) throws(StoreError) -> Resource {
        var text = bytes
        if row.isSealed {
            do {
                let context = Self.context(row.kind, row.namespace, row.name, row.resourceVersion)
                text = try key.open(bytes, context: context)
            } catch {
                throw StoreError(.wrongKey, "\(row.kind) \(row.namespace)/\(row.name) does not open with store.key")
            }
        }
        do {
            return try Resource.restore(
                json: try JSONValue(parsing: text),
                creationSequence: row.creationSequence
            )
        } catch {
            throw StoreError(.corrupt, "\(row.kind) \(row.namespace)/\(row.name) is not readable")
        }
    }

    private static func context(_ kind: String, _ namespace: String, _ name: String, _ version: UInt64) -> [UInt8] {
        Array("\(kind)\u{0}\(namespace)\u{0}\(name)\u{0}\(version)".utf8)
    }
}
