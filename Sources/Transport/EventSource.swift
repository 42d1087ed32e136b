internal import CSys

/// What the kernel said about a descriptor, as edges: each bit is told once per change.
public struct IOEvents: OptionSet, Sendable {
    public let rawValue: UInt32
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let readable = IOEvents(rawValue: 1)
    public static let writable = IOEvents(rawValue: 4)
    public static let failed = IOEvents(rawValue: 8)
    public static let hungUp = IOEvents(rawValue: 16)
    /// The peer closed its sending side.
    public static let peerClosed = IOEvents(rawValue: 0x2000)
}

/// A descriptor that an `EventLoop` watches. Subclasses: connections, listeners, and other rooms' descriptors (a
/// resolver's).
///
/// Lifetime: the loop holds one strong reference from `add` until the end of the batch in which `remove` was called,
/// so a subclass may remove itself inside `onEvents`.
open class EventSource: DeferredWork {
    /// The descriptor, or -1 once it is closed. The subclass owns it and closes it.
    public final var descriptor: Int32

    /// Set while an event loop watches the descriptor.
    final var isRegistered = false

    public init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// Runs on the loop's thread. Edge triggered: remember what was told until the descriptor says EAGAIN or a short
    /// read.
    open func onEvents(_ events: IOEvents) {}
}
