public import Base
internal import CSys

/// A TCP or unix-domain byte stream, plain or under TLS, on one event loop.
///
/// Output is sent at once; small writes of one event are gathered and leave together, and what the socket does not
/// take is kept (`bufferedBytes`). The writer watches `isWritable` and pauses its source: nothing is refused. Input
/// is delivered straight from the loop's scratch; the connection owns memory only while something is incomplete or
/// the peer is slow.
///
///     connecting ──▶ open ──finish──▶ finishing ──▶ (lingering) ──▶ closed
public final class Connection: EventSource {
    enum Phase { case connecting, open, finishing, lingering, closed }

    /// What `bufferedBytes` may reach before `isWritable` turns false. The socket's own buffer comes on top.
    public var highWatermark = 32 << 10
    /// `onWritable` is called when `bufferedBytes` falls to this after `isWritable` was false.
    public var lowWatermark = 8 << 10

    public let loop: EventLoop
    /// Replaced freely; unused bytes are shown to the new one.
    public var handler: ConnectionHandler?
    /// The peer's address; nil for unix-domain sockets. A PROXY protocol header may replace it.
    public var peerAddress: SocketAddress?
    /// Present from `startTLS` on.
    public internal(set) var tls: TLSSession?
    /// When bytes last came or went. For lazy idle timers.
    public internal(set) var lastActive: MonotonicTime
    public internal(set) var bytesReceived: UInt64 = 0
    public internal(set) var bytesSent: UInt64 = 0
    /// Any tag the owner likes, such as a listener's index.
    public var tag = 0

    var phase: Phase
    var input = SpillBuffer()
    var output = SpillBuffer()
    var isPaused = false
    private var pausedAt = MonotonicTime(nanoseconds: 0)
    /// How much one receive may bring. It begins small and grows while the reader keeps up: a slow reader then holds
    /// little memory, and a fast one gets large pieces.
    var receiveSize = Connection.receiveSizeMin
    var fullReceives = 0
    var isReadable = false
    /// The peer's FIN was seen by epoll but maybe not yet read.
    var sawPeerClose = false
    var hasInputEnded = false
    var wasEndTold = false
    var isDelivering = false
    var isCongested = false
    var isWriteShutWanted = false
    var isWriteShut = false
    var isLingerWanted = false
    /// The bytes being sent are the last: FIN follows at once, and may share their packet.
    var isLastFlush = false
    var closeReason: CloseReason?
    var wasCloseTold = false
    var deadline: ConnectionDeadline?
    var counter: ConnectionCounter?
    private var cachedLocal: SocketAddress?

    init(descriptor: Int32, loop: EventLoop, phase: Phase) {
        self.loop = loop
        self.phase = phase
        lastActive = loop.now
        super.init(descriptor: descriptor)
    }

    deinit {
        if descriptor >= 0 { gh_close(descriptor) }
        input.release()
        output.release()
    }

    // MARK: Opening

    /// Starts connecting. The handler's `onOpen` or `onClose` follows, never from inside this call.
    ///
    /// - Parameters:
    ///   - tls: a client context and the name to send as SNI (nil for none); the handshake runs before `onOpen`.
    ///   - timeout: covers connecting and the handshake.
    ///   - source: local address to bind, when the peer is of the same family.
    ///   - resumption: stored TLS sessions of this peer; new ones go there.
    ///   - preamble: bytes that precede everything else on the wire, TLS included (a PROXY protocol header).
    /// - Throws: `SocketError` when no socket could be made, or a unix path has no listener.
    public static func connect(
        to address: NetworkAddress,
        loop: EventLoop,
        tls: (context: TLSContext, serverName: String?)? = nil,
        timeout: Duration = .seconds(10),
        from source: IPAddress? = nil,
        resumption: TLSResumption? = nil,
        preamble: [UInt8] = [],
        handler: ConnectionHandler
    ) throws(SocketError) -> Connection {
        var pending: Int32 = 0
        var from = gh_address()
        if let source { from = gh_address(socketAddress: SocketAddress(source, port: 0)) }
        let descriptor = address.withRaw { raw, path in gh_connect(raw, path, &from, &pending) }
        guard descriptor >= 0 else { throw .last("connect") }
        let connection = Connection(descriptor: descriptor, loop: loop, phase: .connecting)
        if case .ip(let peer) = address { connection.peerAddress = peer }
        connection.handler = handler
        preamble.withUnsafeBufferPointer { bytes in
            if let start = bytes.baseAddress, !bytes.isEmpty { connection.output.append(start, bytes.count) }
        }
        if let tls {
            connection.tls = TLSSession(
                context: tls.context,
                serverName: tls.serverName,
                loop: loop,
                resumption: resumption
            )
        }
        try loop.add(connection)
        connection.setDeadline(after: timeout, reason: .connectTimedOut)
        return connection
    }

    /// Adopts a connected or accepted socket, such as one half of a socket pair. Takes ownership of the descriptor.
    public static func adopt(
        descriptor: Int32,
        loop: EventLoop,
        handler: ConnectionHandler
    ) throws(SocketError) -> Connection {
        let connection = Connection(descriptor: descriptor, loop: loop, phase: .open)
        var raw = gh_address()
        if gh_peer_address(descriptor, &raw) == 0 { connection.peerAddress = raw.socketAddress }
        connection.handler = handler
        try loop.add(connection)
        return connection
    }

    // MARK: Facts

    /// Bytes can be written: not closed and not finishing. True while connecting.
    public var isOpen: Bool { phase == .open || phase == .connecting }
    public var isClosed: Bool { phase == .closed }
    /// Plain and connected, or past its TLS handshake.
    public var isEstablished: Bool { phase == .open && (tls.map { $0.isEstablished } ?? true) }

    /// Output that the socket has not taken yet, in bytes on the wire.
    public var bufferedBytes: Int { output.count }
    /// False from the high watermark until output has fallen to the low one.
    public var isWritable: Bool { !isCongested }

    public var localAddress: SocketAddress? {
        if let cachedLocal { return cachedLocal }
        var raw = gh_address()
        guard descriptor >= 0, gh_local_address(descriptor, &raw) == 0 else { return nil }
        cachedLocal = raw.socketAddress
        return cachedLocal
    }

    /// The address a redirected connection was meant for (SO_ORIGINAL_DST); nil when nothing redirected it.
    public var originalDestination: SocketAddress? {
        var raw = gh_address()
        guard descriptor >= 0, gh_original_destination(descriptor, &raw) == 0 else { return nil }
        return raw.socketAddress
    }

    /// The process that opened the other end of a unix-domain socket (SO_PEERCRED).
    public var peerProcess: Int32? {
        let pid = descriptor >= 0 ? gh_peer_pid(descriptor) : -1
        return pid > 0 ? pid : nil
    }

    // MARK: Reading

    public var isReadingPaused: Bool { isPaused }

    /// Stops `onRead`. At most one receive is kept in memory; the rest stays in the kernel and slows the peer.
    public func pauseReading() {
        if !isPaused { pausedAt = loop.now }
        isPaused = true
    }

    /// Lets `onRead` come again, beginning with kept bytes; never from inside this call.
    public func resumeReading() {
        guard isPaused else { return }
        isPaused = false
        let isQuick = loop.now.nanoseconds &- pausedAt.nanoseconds < Connection.quickResume
        receiveSize = isQuick ? min(receiveSize &* 2, EventLoop.scratchBytes) : Connection.receiveSizeMin
        if !input.isEmpty || isReadable || (hasInputEnded && !wasEndTold) { loop.enqueue(self) }
    }

    // MARK: Writing

    /// Writes `count` bytes. Small pieces are gathered until the current event has been handled; larger ones are
    /// handed to the socket without copying. Ignored once the connection is finishing or closed.
    public func write(_ bytes: BytePointer, _ count: Int) {
        guard count > 0, isOpen, !isWriteShutWanted else { return }
        if count <= Connection.stagedWriteMax {
            memcpy(stageRoom(count), bytes, count)
            loop.stageCount &+= count
            return
        }
        if loop.stageOwner === self {
            let staged = loop.stageCount
            loop.stageOwner = nil
            loop.stageCount = 0
            transmit(loop.stage, staged, bytes, count)
        } else {
            loop.flushStage()
            transmit(bytes, count, nil, 0)
        }
    }

    public func write(_ literal: StaticString) {
        write(literal.utf8Start, literal.utf8CodeUnitCount)
    }

    public func write(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        write(base.assumingMemoryBound(to: UInt8.self), bytes.count)
    }

    /// Room to write up to `count` (at most `stagedWriteMax`) bytes in place; `commit` says how many were written.
    /// Nothing else may be called on any connection in between.
    public func reserve(_ count: Int) -> MutableBytePointer {
        precondition(count <= Connection.stagedReserveMax)
        return stageRoom(count)
    }

    public func commit(_ count: Int) {
        precondition(loop.stageOwner === self && loop.stageCount + count <= EventLoop.stageBytes)
        loop.stageCount &+= count
    }

    static let receiveSizeMin = 16 << 10
    /// Nanoseconds of pause after which the reader counts as slow.
    private static let quickResume: UInt64 = 100_000_000

    /// Writes up to this many bytes are gathered; one HTTP/2 frame of the default size fits.
    static let stagedWriteMax = (16 << 10) + 64
    /// The most `reserve` grants: the largest head we write.
    public static let stagedReserveMax = 160 << 10

    private func stageRoom(_ count: Int) -> MutableBytePointer {
        if loop.stageOwner !== self {
            loop.flushStage()
            loop.stageOwner = self
        } else if loop.stageCount + count > EventLoop.stageBytes {
            loop.flushStage()
            loop.stageOwner = self
        }
        return loop.stage + loop.stageCount
    }

    /// Sends what was gathered now instead of at the end of the current event.
    public func flush() {
        if loop.stageOwner === self { loop.flushStage() }
    }

    // MARK: Ending

    /// Half close: FIN (and close_notify) follows what was written. Reading goes on.
    public func shutdownWrite() {
        guard isOpen, !isWriteShutWanted else { return }
        flush()
        isWriteShutWanted = true
        if output.isEmpty && phase == .open { performWriteShut() }
    }

    /// Sends what was written, then closes.
    ///
    /// - Parameter lingering: keep reading and dropping what the peer still sends until it closes or two seconds pass.
    ///   Without it, unread input makes the kernel send RST and the peer may lose our last answer (RFC 9112 §9.6).
    public func finish(lingering: Bool = false) {
        guard isOpen else { return }
        if phase == .connecting {
            close()
            return
        }
        isLastFlush = true
        flush()
        isLastFlush = false
        guard phase == .open else { return }
        phase = .finishing
        isLingerWanted = lingering
        input.release()
        if output.isEmpty { performFinish() } else { setDeadline(after: .seconds(30), reason: .sendTimedOut) }
    }

    /// Closes now. Output that the socket has not taken is lost.
    public func close() {
        guard phase != .closed else { return }
        flush()
        end(.finished)
    }

    /// Closes now with RST.
    public func abort() {
        guard phase != .closed else { return }
        gh_reset_on_close(descriptor)
        end(.finished)
    }

    // MARK: Events

    public override func onEvents(_ events: IOEvents) {
        if phase == .connecting {
            finishConnect(events)
            if phase != .open { return }
        }
        if events.contains(.writable) && !output.isEmpty { flushOutput() }
        if events.isDisjoint(with: [.readable, .peerClosed, .failed, .hungUp]) { return }
        isReadable = true
        let isPeerDone = !sawPeerClose && !events.isDisjoint(with: [.peerClosed, .hungUp])
        if isPeerDone { sawPeerClose = true }
        if isPaused && events.contains(.failed) {
            let code = gh_socket_error(descriptor)
            if code != 0 {
                end(.failed(code: code))
                return
            }
        }
        if isPaused && isPeerDone { handler?.onPeerFinished(self) }
        readAvailable()
    }

    /// Work that was asked for from inside other calls: delivery after `resumeReading`, the final `onClose`.
    public override func runDeferred() {
        if phase == .closed {
            tellClose()
            return
        }
        guard !isPaused else { return }
        if !input.isEmpty { deliverKept() }
        readAvailable()
        tellEndIfDue()
    }
}
