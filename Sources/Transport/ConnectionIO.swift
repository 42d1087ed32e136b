internal import Base
internal import CSys

/// Counts the open connections of one owner. A connection takes part until it is closed.
open class ConnectionCounter {
    public private(set) final var count = 0
    public init() {}

    /// True: leave what waits in the kernel's queue for a while.
    open var isFull: Bool { false }

    /// A connection was accepted. False refuses it: it is closed, and not counted.
    open func admit() -> Bool { true }

    /// An admitted connection is gone.
    open func release() {}

    final func open() -> Bool {
        guard admit() else { return false }
        count += 1
        return true
    }

    final func close() {
        count -= 1
        release()
    }
}

/// One deadline per connection, for the phase it is in: connecting, handshaking, finishing, lingering.
final class ConnectionDeadline: LoopTimer {
    unowned(unsafe) let connection: Connection
    var reason = CloseReason.finished

    init(_ connection: Connection) {
        self.connection = connection
    }

    override func fire() { connection.deadlinePassed(reason) }
}

extension Connection {
    /// Receives per turn before other connections get theirs.
    private static let receivesPerTurn = 4

    func setDeadline(after delay: Duration, reason: CloseReason) {
        let timer = deadline ?? ConnectionDeadline(self)
        deadline = timer
        timer.reason = reason
        loop.schedule(timer, after: delay)
    }

    func clearDeadline() {
        deadline?.cancel()
        deadline = nil
    }

    func deadlinePassed(_ reason: CloseReason) { end(reason) }

    func finishConnect(_ events: IOEvents) {
        let code = gh_socket_error(descriptor)
        if code != 0 {
            end(.failed(code: code))
            return
        }
        guard events.contains(.writable) else { return }
        phase = .open
        lastActive = loop.now
        if tls != nil {
            advanceHandshake()
        } else {
            clearDeadline()
            if !output.isEmpty { flushOutput() }
            handler?.onOpen(self)
        }
    }

    // MARK: Input

    func readAvailable() {
        guard !isDelivering else { return }
        var turns = 0
        while isReadable && !isPaused && phase != .closed {
            if turns == Connection.receivesPerTurn {
                loop.enqueue(self)
                return
            }
            turns += 1
            let size = receiveSize
            let count = gh_recv(descriptor, loop.scratch, size)
            if count > 0 {
                // A short read means drained: the next arrival raises its own edge.
                if count < size { if !sawPeerClose { isReadable = false } } else { noteFullReceive() }
                lastActive = loop.now
                bytesReceived &+= UInt64(count)
                received(loop.scratch, count)
            } else if count == 0 {
                isReadable = false
                hasInputEnded = true
                inputEnded()
                return
            } else {
                let code = gh_errno()
                if code == EINTR { continue }
                isReadable = false
                if code != EAGAIN { end(.failed(code: code)) }
                return
            }
        }
    }

    private func noteFullReceive() {
        fullReceives &+= 1
        if fullReceives & 3 == 0 { receiveSize = min(receiveSize &* 2, EventLoop.scratchBytes) }
    }

    private func received(_ bytes: BytePointer, _ count: Int) {
        switch phase {
        case .open:
            if tls != nil { receiveTLS(bytes, count) } else { deliver(bytes, count) }
        case .finishing, .lingering, .connecting, .closed:
            break
        }
    }

    private func inputEnded() {
        switch phase {
        case .lingering: end(.finished)
        case .finishing: break
        case .open, .connecting: tellEndIfDue()
        case .closed: break
        }
    }

    func tellEndIfDue() {
        guard hasInputEnded, !wasEndTold, phase == .open, !isPaused else { return }
        wasEndTold = true
        if let tls, !tls.isEstablished {
            tls.failure = "peer closed during the handshake"
            end(.handshakeFailed)
            return
        }
        handler?.onEnd(self)
    }

    /// Shows new bytes to the handler, behind kept ones.
    func deliver(_ bytes: BytePointer, _ count: Int) {
        if !input.isEmpty || isPaused {
            input.append(bytes, count)
            if !isPaused { deliverKept() }
            return
        }
        let used = offer(bytes, count)
        if used < count && phase == .open {
            if tls?.isFresh == true {
                receiveTLS(bytes + used, count - used)
            } else {
                input.append(bytes + used, count - used)
            }
        }
    }

    /// Shows kept bytes to the handler again.
    func deliverKept() {
        guard !isDelivering, let start = input.start else { return }
        var kept = input
        input = SpillBuffer()
        if tls?.isFresh == true {
            receiveTLS(start, kept.count)
            kept.release()
            return
        }
        let used = offer(start, kept.count)
        kept.drop(used)
        guard !kept.isEmpty, phase == .open else {
            kept.release()
            return
        }
        if tls?.isFresh == true, let rest = kept.start {
            receiveTLS(rest, kept.count)
            kept.release()
        } else {
            input = kept
        }
    }

    /// Calls the handler until it uses nothing more, pauses, starts TLS or the connection ends. Returns bytes used.
    private func offer(_ bytes: BytePointer, _ count: Int) -> Int {
        var used = 0
        isDelivering = true
        defer { isDelivering = false }
        while used < count && !isPaused && phase == .open {
            guard let current = handler else { break }
            let step = current.onRead(self, bytes + used, count - used)
            precondition(step >= 0 && step <= count - used)
            used += step
            if tls?.isFresh == true { break }
            if step == 0 && handler === current { break }
        }
        return used
    }

    // MARK: Output

    /// Sends two pieces (the second may be empty) in order, through TLS when there is one.
    func transmit(_ p: BytePointer, _ n: Int, _ q: BytePointer?, _ m: Int) {
        guard phase == .open || phase == .connecting else { return }
        if tls != nil { transmitTLS(p, n, q, m) } else { sendRaw(p, n, q, m) }
    }

    func sendRaw(_ p: BytePointer, _ n: Int, _ q: BytePointer?, _ m: Int) {
        let total = n &+ m
        guard total > 0, phase != .closed else { return }
        var sent = 0
        if output.isEmpty && phase != .connecting {
            if q == nil || m == 0 {
                sent = isLastFlush ? gh_send_last(descriptor, p, n) : gh_send(descriptor, p, n)
            } else {
                sent = gh_send2(descriptor, p, n, q, m)
            }
            if sent == total {
                lastActive = loop.now
                bytesSent &+= UInt64(total)
                return
            }
            if sent < 0 {
                let code = gh_errno()
                if code != EAGAIN && code != EINTR {
                    end(.failed(code: code))
                    return
                }
                sent = 0
            }
            bytesSent &+= UInt64(sent)
        }
        if sent < n { output.append(p + sent, n &- sent) }
        if let q, m > 0 {
            let skip = max(0, sent &- n)
            output.append(q + skip, m &- skip)
        }
        if output.count > highWatermark { isCongested = true }
    }

    func flushOutput() {
        while let start = output.start, !output.isEmpty {
            let sent = gh_send(descriptor, start, output.count)
            if sent < 0 {
                let code = gh_errno()
                if code == EINTR { continue }
                if code != EAGAIN { end(.failed(code: code)) }
                return
            }
            bytesSent &+= UInt64(sent)
            lastActive = loop.now
            output.drop(sent)
            if phase == .finishing { setDeadline(after: .seconds(30), reason: .sendTimedOut) }
        }
        output.release()
        if isWriteShutWanted && phase == .open { performWriteShut() }
        if phase == .finishing {
            performFinish()
            return
        }
        if isCongested {
            isCongested = false
            handler?.onWritable(self)
        }
    }

    // MARK: Ending

    func performWriteShut() {
        guard !isWriteShut else { return }
        if let tls, tls.isEstablished, !tls.wasCloseSent {
            sendCloseNotify()
            if !output.isEmpty || phase != .open { return }
        }
        isWriteShut = true
        _ = gh_shutdown_write(descriptor)
    }

    func performFinish() {
        if let tls, tls.isEstablished, !tls.wasCloseSent {
            sendCloseNotify()
            if phase != .finishing { return }
            if !output.isEmpty {
                setDeadline(after: .seconds(30), reason: .sendTimedOut)
                return
            }
        }
        guard isLingerWanted, !hasInputEnded else {
            end(.finished)
            return
        }
        if !isWriteShut { _ = gh_shutdown_write(descriptor) }
        isWriteShut = true
        phase = .lingering
        isPaused = false
        setDeadline(after: .seconds(2), reason: .finished)
        if isReadable { loop.enqueue(self) }
    }

    /// Closes the descriptor at once; `onClose` follows from the loop.
    func end(_ reason: CloseReason) {
        guard phase != .closed else { return }
        phase = .closed
        if closeReason == nil { closeReason = reason }
        if loop.stageOwner === self {
            loop.stageOwner = nil
            loop.stageCount = 0
        }
        clearDeadline()
        loop.remove(self)
        gh_close(descriptor)
        descriptor = -1
        input.release()
        output.release()
        counter?.close()
        counter = nil
        loop.enqueue(self)
    }

    func tellClose() {
        guard !wasCloseTold else { return }
        wasCloseTold = true
        let last = handler
        handler = nil
        last?.onClose(self, closeReason ?? .finished)
    }
}
