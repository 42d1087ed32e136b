internal import Base

/// Between `Upgrade` with 101 (HTTP/1) and extended CONNECT with 200 (RFC 8441): every head above the codecs has the
/// HTTP/1 form.
struct ProtocolSwitch {
    private var name: [UInt8] = []
    private var key: [UInt8] = []

    /// Keeps what the answer will repeat.
    mutating func note(_ request: MessageHead) {
        if let value = request.value(.upgrade) { name = Array(value.prefix(64)) }
        if let value = request.value(.secWebsocketKey) { key = Array(value.prefix(64)) }
    }

    /// Makes a 101 of the 2xx that accepted an extended CONNECT.
    func answer(_ head: MessageHead) {
        head.status = 101
        head.remove(.contentLength)
        name.withUnsafeBytes { _ = head.set(.upgrade, $0) }
        guard !key.isEmpty else { return }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: WebSocketKey.answerBytes) { out in
            guard let p = out.baseAddress else { return }
            let isMade = key.withUnsafeBytes { WebSocketKey.answer(to: $0, into: p) }
            if isMade { head.set(.secWebsocketAccept, UnsafeRawBufferPointer(start: p, count: out.count)) }
        }
    }
}

extension MessageHead {
    /// A received extended CONNECT, its protocol already entered as `upgrade`, takes the form of an HTTP/1 upgrade. A
    /// WebSocket gets the key that HTTP/2 leaves out.
    func becomeUpgrade() {
        setMethod(.get)
        remove(.contentLength)
        guard let name = value(.upgrade), name.isSame(as: "websocket") else { return }
        if !has(.secWebsocketVersion) { append(.secWebsocketVersion, "13") }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: WebSocketKey.textBytes) { out in
            guard let p = out.baseAddress else { return }
            WebSocketKey.make(into: p)
            set(.secWebsocketKey, UnsafeRawBufferPointer(start: p, count: out.count))
        }
    }

    /// Fields that frame, address, authenticate, control or describe a message mean nothing behind it, and whoever
    /// merges trailers into the head must not be fooled by them (RFC 9110 §6.5.1).
    func removeNonTrailers() {
        for id in KnownField.forbiddenInTrailers where has(id) { remove(id) }
        authorityRange = Range()
    }
}
