/// Everything a worker needs to serve, compiled from one xDS snapshot; immutable and shared by all workers.
public final class RuntimeConfiguration: Sendable {
    /// The store revision of the snapshot this was compiled from.
    public let version: UInt64

    init(version: UInt64) { self.version = version }
}
