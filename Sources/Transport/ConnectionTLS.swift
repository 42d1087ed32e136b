internal import Base
internal import COpenSSL

/// A fatal alert sent without a TLS session (RFC 8446 §6.2).
public enum TLSAlert: UInt8, Sendable {
    case unexpectedMessage = 10
    case handshakeFailure = 40
    case decodeError = 50
    case protocolVersion = 70
    case internalError = 80
    case unrecognizedName = 112
    case noApplicationProtocol = 120
}

extension Connection {
    /// Puts an accepted connection under TLS. Bytes the handler has not used go to the handshake; `onOpen` tells its
    /// end.
    ///
    /// Call it from `onRead` (returning 0 after a ClientHello peek) or right after accepting.
    public func startTLS(_ context: TLSContext, handshakeTimeout: Duration = .seconds(10)) {
        guard phase == .open, tls == nil else { return }
        let session = TLSSession(context: context, serverName: nil, loop: loop)
        tls = session
        setDeadline(after: handshakeTimeout, reason: .handshakeTimedOut)
        if !isDelivering, !input.isEmpty {
            isPaused = false
            loop.enqueue(self)
        }
    }

    /// Refuses a ClientHello before any session exists: one fatal alert record, then close.
    public func refuseTLS(_ alert: TLSAlert) {
        guard phase == .open, tls == nil else { return }
        let record: [UInt8] = [21, 3, 3, 0, 2, 2, alert.rawValue]
        record.withUnsafeBytes { write($0) }
        finish(lingering: true)
    }

    /// Runs the handshake with what `tlsIO` offers. True when it has just ended well; the caller then tells the
    /// handler.
    @discardableResult
    func advanceHandshake() -> Bool {
        guard let tls else { return false }
        tls.isFresh = false
        let step = tls.handshake()
        flushCipher()
        guard phase == .open else { return false }
        switch step {
        case .needsInput: return false
        case .done: return true
        case .failed:
            failHandshake(tls)
            return false
        }
    }

    // The alert must reach the peer although its input may be unread: linger, and report the reason at the end.
    private func failHandshake(_ tls: TLSSession) {
        closeReason = .handshakeFailed
        guard tls.context.configuration.role == .server else {
            end(.handshakeFailed)
            return
        }
        phase = .finishing
        isLingerWanted = true
        setDeadline(after: .seconds(5), reason: .handshakeFailed)
        if output.isEmpty { performFinish() }
    }

    private func handshakeEnded(_ tls: TLSSession) {
        clearDeadline()
        if let start = tls.pending.start, !tls.pending.isEmpty {
            transmitTLS(start, tls.pending.count, nil, 0)
            tls.pending.release()
        }
        isDelivering = true
        handler?.onOpen(self)
        isDelivering = false
    }

    // Everything is decrypted before anything is delivered: a handler may write to other sessions of the loop, which
    // share the BIO window, and the ciphertext scratch is reused by the next receive.
    func receiveTLS(_ bytes: BytePointer, _ count: Int) {
        guard let tls else { return }
        let io = loop.tlsIO
        io.pointee.input = bytes
        io.pointee.inputCount = count
        let isOpening = !tls.isEstablished
        if isOpening && !advanceHandshake() {
            io.pointee.inputCount = 0
            return
        }
        var filled = 0
        var result = TLSSession.ReadResult.drained
        while filled < EventLoop.plainBytes {
            result = tls.read(into: loop.plain + filled, EventLoop.plainBytes - filled)
            guard case .bytes(let count) = result else { break }
            filled += count
        }
        io.pointee.inputCount = 0
        if io.pointee.outputCount > 0 { flushCipher() }
        if isOpening && phase == .open { handshakeEnded(tls) }
        if filled > 0 && phase == .open { deliver(loop.plain, filled) }
        guard phase == .open else { return }
        switch result {
        case .failed: end(.tlsFailed)
        case .ended:
            hasInputEnded = true
            tellEndIfDue()
        case .bytes, .drained: break
        }
    }

    func transmitTLS(_ p: BytePointer, _ n: Int, _ q: BytePointer?, _ m: Int) {
        guard let tls else { return }
        guard tls.isEstablished else {
            tls.pending.append(p, n)
            if let q { tls.pending.append(q, m) }
            return
        }
        tls.offerTicket()
        guard encrypt(tls, p, n) else { return }
        if let q, m > 0, !encrypt(tls, q, m) { return }
        // The last bytes and close_notify leave together.
        if isLastFlush, output.isEmpty, phase == .open { tls.shutdown() }
        flushCipher()
    }

    private func encrypt(_ tls: TLSSession, _ p: BytePointer, _ n: Int) -> Bool {
        var done = 0
        while done < n {
            let step = min(n &- done, 64 << 10)
            if loop.tlsIO.pointee.outputCount > EventLoop.cipherBytes - (80 << 10) { flushCipher() }
            guard phase != .closed else { return false }
            guard tls.write(p + done, step) else {
                end(.tlsFailed)
                return false
            }
            done &+= step
        }
        return true
    }

    func flushCipher() {
        let io = loop.tlsIO
        let count = io.pointee.outputCount
        guard count > 0 else { return }
        io.pointee.outputCount = 0
        sendRaw(io.pointee.output, count, nil, 0)
    }

    func sendCloseNotify() {
        tls?.shutdown()
        flushCipher()
    }
}
