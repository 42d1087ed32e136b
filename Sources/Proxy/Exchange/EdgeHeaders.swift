internal import Base
internal import HTTP
internal import Routing
internal import Transport
internal import XDS

// Who the client is and what it may claim: forwarding headers, request id, client certificate.
//
// Source: Envoy, "HTTP header sanitizing" and the HTTP connection manager's header documentation.
extension Exchange {
    func prepareHeaders(
        _ head: MessageHead,
        _ http: HTTPPlan,
        _ downstream: HTTPDownstream,
        _ facts: ConnectionFacts
    ) {
        let manager = http.manager
        let isEdge = manager.usesRemoteAddress || manager.trustedProxies != nil
        if isEdge {
            sanitize(head, http)
            let direct = facts.directRemote
            let isTrusted = Self.isTrusted(direct, manager)
            if !isTrusted { forgetClaims(head) }
            if !isTrusted, !manager.skipsXFFAppend, !head.has(.xForwardedFor) {
                // What nearly every request gets. `remote` is the peer already.
                head.replace(.xForwardedProto, by: downstream.forwardingLines(facts))
                finishHeaders(head, manager, facts, downstream)
                return
            }
            if !isTrusted { head.set(.xForwardedProto, facts.isTLS ? "https" : "http") }
            if let proxies = manager.trustedProxies {
                remote = isTrusted ? ForwardedFor.client(head, behind: proxies) ?? direct : direct
            } else {
                remote = ForwardedFor.address(head, fromEnd: Int(manager.trustedHops)) ?? direct
            }
            if !manager.skipsXFFAppend { appendForwardedFor(head, direct.address) }
            worker.scratch.removeAll(keepingCapacity: true)
            remote.address.appendText(to: &worker.scratch)
            worker.scratch.withUnsafeBytes { _ = head.set(Self.externalAddress, $0) }
        } else if let claimed = ForwardedFor.address(head, fromEnd: Int(manager.trustedHops) + 1) {
            remote = claimed
        }
        if !head.has(.xForwardedProto) { head.set(.xForwardedProto, facts.isTLS ? "https" : "http") }
        finishHeaders(head, manager, facts, downstream)
    }

    /// Somebody trustworthy in front of us has seen the client.
    private static func isTrusted(_ direct: SocketAddress, _ manager: HTTPConnectionManager) -> Bool {
        guard let proxies = manager.trustedProxies else { return manager.trustedHops > 0 }
        return proxies.contains { $0.contains(direct.address) }
    }

    private func finishHeaders(
        _ head: MessageHead,
        _ manager: HTTPConnectionManager,
        _ facts: ConnectionFacts,
        _ downstream: HTTPDownstream
    ) {
        if manager.appendsForwardedPort, !head.has(.xForwardedPort) {
            withDecimal(UInt64(facts.local.port)) { _ = head.set(.xForwardedPort, $0) }
        }
        let isEdge = manager.usesRemoteAddress || manager.trustedProxies != nil
        let replacesID = isEdge && !manager.preservesExternalRequestID
        if manager.generatesRequestID, replacesID || !head.has(.xRequestID) { setRequestID(head) }
        forwardCertificate(head, manager.forwardClientCertificate, facts, downstream)
        if !manager.via.isEmpty { head.append("via", manager.via) }
    }

    static var externalAddress: UnsafeRawBufferPointer { UnsafeRawBufferPointer("x-envoy-external-address") }
    private static var envoyPrefix: UnsafeRawBufferPointer { UnsafeRawBufferPointer("x-envoy-") }

    /// What nobody in front of us has confirmed: how the client reached us is known better here.
    private func forgetClaims(_ head: MessageHead) {
        if head.has(.xForwardedHost) { head.remove(.xForwardedHost) }
        if head.has(.xForwardedPort) { head.remove(.xForwardedPort) }
        if head.has(.forwarded) { head.remove(.forwarded) }
        if head.has(.xRealIP) { head.remove(.xRealIP) }
    }

    /// Headers by which clients could steer the proxy are not theirs to send.
    private func sanitize(_ head: MessageHead, _ http: HTTPPlan) {
        for index in 0..<head.fieldCount where head.isLive(index) {
            let name = head.name(at: index)
            guard name.count > 8, name[1] == 0x2D, name[0] | 0x20 == 0x78 else { continue }
            if UnsafeRawBufferPointer(rebasing: name[..<8]).equalsFolding(Self.envoyPrefix) { head.remove(at: index) }
        }
        for name in http.routes.internalOnlyHeaders { name.withUnsafeBytes { head.remove($0) } }
    }

    private func appendForwardedFor(_ head: MessageHead, _ peer: IPAddress) {
        worker.scratch.removeAll(keepingCapacity: true)
        if head.has(.xForwardedFor) {
            // Several fields of this name are one list (RFC 9110 §5.3).
            let name = UnsafeRawBufferPointer(KnownField.xForwardedFor.name)
            var index = head.nextIndex(of: name, from: 0)
            while let found = index {
                worker.scratch.append(contentsOf: head.value(at: found))
                worker.scratch.append(0x2C)
                index = head.nextIndex(of: name, from: found + 1)
            }
        }
        peer.appendText(to: &worker.scratch)
        worker.scratch.withUnsafeBytes { _ = head.set(.xForwardedFor, $0) }
    }

    /// A random UUID, version 4 (RFC 9562 §5.4). Not a secret.
    private func setRequestID(_ head: MessageHead) {
        var high = worker.random.next()
        var low = worker.random.next()
        high = high & ~0xF000 | 0x4000
        low = low & ~(3 << 62) | 2 << 62
        withUnsafeTemporaryAllocation(byteCount: 36, alignment: 1) { text in
            var at = 0
            for nibble in 0..<32 {
                if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 {
                    text[at] = 0x2D
                    at &+= 1
                }
                let half = nibble < 16 ? high : low
                let value = UInt8(truncatingIfNeeded: half >> UInt64(60 &- 4 &* (nibble & 15)) & 15)
                text[at] = value < 10 ? 48 &+ value : 87 &+ value
                at &+= 1
            }
            _ = head.set(.xRequestID, UnsafeRawBufferPointer(text))
        }
    }

    private func forwardCertificate(
        _ head: MessageHead,
        _ mode: HTTPConnectionManager.ForwardClientCertificate,
        _ facts: ConnectionFacts,
        _ downstream: HTTPDownstream
    ) {
        let showsCertificate = facts.isMutual || (facts.isTLS && downstream.showsCertificate)
        switch mode {
        case .alwaysForwardOnly: return
        case .forwardOnly: if !facts.isMutual { head.remove(.xForwardedClientCert) }
        case .sanitize: head.remove(.xForwardedClientCert)
        case .sanitizeSet:
            if showsCertificate {
                downstream.certificateElement.withUnsafeBytes { _ = head.set(.xForwardedClientCert, $0) }
            } else {
                head.remove(.xForwardedClientCert)
            }
        case .appendForward:
            guard showsCertificate else {
                head.remove(.xForwardedClientCert)
                return
            }
            worker.scratch.removeAll(keepingCapacity: true)
            // Only who proved who he is may speak for others.
            if facts.isMutual, let old = head.value(.xForwardedClientCert), !old.isEmpty {
                worker.scratch.append(contentsOf: old)
                worker.scratch.append(0x2C)
            }
            worker.scratch.append(contentsOf: downstream.certificateElement)
            worker.scratch.withUnsafeBytes { _ = head.set(.xForwardedClientCert, $0) }
        }
    }
}

extension IPAddress {
    /// Appends the text form. IPv4, the usual case, allocates nothing.
    func appendText(to out: inout [UInt8]) {
        guard let four = ipv4 else {
            out.append(contentsOf: description.utf8)
            return
        }
        for shift in [UInt32(24), 16, 8, 0] {
            let part = four >> shift & 255
            if part >= 100 { out.append(UInt8(truncatingIfNeeded: 48 + part / 100)) }
            if part >= 10 { out.append(UInt8(truncatingIfNeeded: 48 + part / 10 % 10)) }
            out.append(UInt8(truncatingIfNeeded: 48 + part % 10))
            if shift > 0 { out.append(0x2E) }
        }
    }

    /// Reads the text form; an IPv4 address may carry a port, which is dropped.
    init?(bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= 2, bytes.count <= 64 else { return nil }
        var text = String(decoding: bytes, as: UTF8.self)
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            text = String(text[text.index(after: text.startIndex)..<end])
        }
        if let colon = text.firstIndex(of: ":"), text.lastIndex(of: ":") == colon { text = String(text[..<colon]) }
        self.init(text)
    }
}
