internal import Base
internal import CSys
internal import Foundation

/// A child's end of its packet socket to the supervisor (descriptor 3).
///
/// Requests are answered one at a time, in order. When the supervisor is gone the socket reads as ended, and the child
/// ends itself: nobody would restart it or answer for its sockets.
///
/// Sendable: `waiting` and `reply` are touched only under `lock`; everything else is constant.
final class SupervisorLink: @unchecked Sendable {
    struct Refused: Error, CustomStringConvertible {
        var description: String
    }

    private struct Reply {
        var text: String
        var descriptors: [Int32]
    }

    private static let descriptor: Int32 = 3

    private let lock = NSCondition()
    private let turn = NSLock()
    private var reply: Reply?
    private let onChildren: @Sendable ([Int32: String]) -> Void
    private let onEnd: @Sendable () -> Void

    /// - Parameters:
    ///   - onChildren: the supervisor's table of gateways by pid; only the control process is told.
    ///   - onEnd: called once when the supervisor is gone.
    init(onChildren: @escaping @Sendable ([Int32: String]) -> Void, onEnd: @escaping @Sendable () -> Void) {
        self.onChildren = onChildren
        self.onEnd = onEnd
        let thread = Thread { [self] in read() }
        thread.name = "supervisor-link"
        thread.start()
    }

    /// Says that this child serves; `detail` is a JSON object.
    func ready(_ detail: String) { send("ready \(detail)") }

    /// Listening sockets for `address`, one per worker, that outlive this process.
    func bind(_ address: SocketAddress, count: Int) throws -> [Int32] {
        let reply = request("bind \(address) \(count)")
        if reply.text.hasPrefix("fds "), reply.descriptors.count >= count { return reply.descriptors }
        let reason = reply.text.hasPrefix("error ") ? String(reply.text.dropFirst(6)) : "no sockets for \(address)"
        throw Refused(description: reason)
    }

    func release(_ address: SocketAddress) { _ = request("release \(address)") }

    private func request(_ text: String) -> Reply {
        turn.lock()
        defer { turn.unlock() }
        lock.lock()
        defer { lock.unlock() }
        reply = nil
        send(text)
        let deadline = Date.now.addingTimeInterval(10)
        while reply == nil, lock.wait(until: deadline) {}
        return reply ?? Reply(text: "error the supervisor does not answer", descriptors: [])
    }

    private func send(_ text: String) {
        let bytes = Array(text.utf8)
        gh_send_descriptors(Self.descriptor, bytes, bytes.count, nil, 0)
    }

    private func read() {
        var bytes = [UInt8](repeating: 0, count: Supervisor.packetMax)
        var descriptors = [Int32](repeating: -1, count: HeldSockets.workersMax)
        while true {
            var count: Int32 = 0
            let received = gh_receive_descriptors(
                Self.descriptor,
                &bytes,
                bytes.count,
                &descriptors,
                Int32(descriptors.count),
                &count
            )
            guard received > 0 else { break }
            let text = String(decoding: bytes[..<received], as: UTF8.self)
            if text.hasPrefix("children ") {
                onChildren(Self.table(text.dropFirst(9)))
                continue
            }
            lock.lock()
            reply = Reply(text: text, descriptors: Array(descriptors[..<Int(count)]))
            lock.signal()
            lock.unlock()
        }
        onEnd()
    }

    private static func table(_ text: Substring) -> [Int32: String] {
        var table: [Int32: String] = [:]
        for part in text.split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1)
            if pair.count == 2, let pid = Int32(pair[0]) { table[pid] = String(pair[1]) }
        }
        return table
    }
}
