internal import Base
internal import HTTP
internal import Routing
internal import XDS

// What client and upstream agree on through us: `Expect: 100-continue` and `Upgrade`.
extension Exchange {
    /// How long the upstream may take to say 100 or something final. Source: the second that curl waits.
    private static let continuePatience = Duration.seconds(1)

    /// The expectation goes on to the upstream, which may refuse the content before it is sent; or it is met here
    /// (RFC 9110 §10.1.1).
    func expectContinue(_ head: MessageHead, _ http: HTTPPlan) {
        guard !isRequestComplete else {
            head.remove(.expect)
            return
        }
        continueDeadline = after(http.manager.proxiesContinue ? Self.continuePatience : .zero)
        if http.manager.proxiesContinue { return }
        head.remove(.expect)
        continueNow()
    }

    /// Tells a client that waits to send its content, once.
    func continueNow() {
        guard continueDeadline != .max else { return }
        continueDeadline = .max
        if isRequestComplete || bytesReceived > 0 || isResponseStarted { return }
        worker.replyHead.clear()
        worker.replyHead.status = 100
        stream?.sendInformational(worker.replyHead)
    }

    private static var maxForwards: UnsafeRawBufferPointer { UnsafeRawBufferPointer("max-forwards") }

    /// OPTIONS may say how far it goes (RFC 9110 §7.6.2). False when it was answered here.
    func forwardOptions(_ head: MessageHead) -> Bool {
        guard let value = head.value(named: Self.maxForwards) else { return true }
        var count: UInt64 = 0
        for byte in value {
            guard byte >= 48, byte <= 57, value.count < 10 else { return true }
            count = count &* 10 &+ UInt64(byte &- 48)
        }
        if count > 0 {
            withDecimal(count &- 1) { _ = head.set(Self.maxForwards, $0) }
            return true
        }
        reply(200, "", details: "max_forwards_reached", flags: [])
        return false
    }

    /// Leaves the first protocol of the list that the route allows; none that is not ours to pass on.
    func chooseUpgrade(_ head: MessageHead, _ action: ForwardAction, _ http: HTTPPlan) -> Bool {
        guard let list = head.value(.upgrade) else { return false }
        var start = 0
        while start < list.count {
            var end = start
            while end < list.count, list[end] != 0x2C { end &+= 1 }
            var last = end
            while start < last, list[start] == 32 || list[start] == 9 { start &+= 1 }
            while last > start, list[last &- 1] == 32 || list[last &- 1] == 9 { last &-= 1 }
            let token = UnsafeRawBufferPointer(rebasing: list[start..<last])
            if Self.allows(token, action, http) {
                head.set(.upgrade, token)
                return true
            }
            start = end &+ 1
        }
        return false
    }

    private static func allows(_ upgrade: UnsafeRawBufferPointer, _ action: ForwardAction, _ http: HTTPPlan) -> Bool {
        for change in action.upgrades where change.type.withUnsafeBytes({ upgrade.equalsFolding($0) }) {
            return change.isEnabled
        }
        return http.upgrades.contains { type in type.withUnsafeBytes { upgrade.equalsFolding($0) } }
    }

    static func isEnabled(_ type: StaticString, _ action: ForwardAction) -> Bool? {
        for change in action.upgrades
        where change.type.withUnsafeBytes({ $0.equalsFolding(UnsafeRawBufferPointer(type)) }) {
            return change.isEnabled
        }
        return nil
    }
}
