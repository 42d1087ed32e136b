import Base
import HTTP
import Testing
import Transport

@Suite struct KeepAliveTests {
    /// Accepts, says SETTINGS, and is silent from then on.
    private final class Mute: AcceptHandler {
        private final class Ears: ConnectionHandler {
            var bytes: [UInt8] = []
            override func onRead(_ connection: Connection, _ p: BytePointer, _ count: Int) -> Int {
                bytes += UnsafeBufferPointer(start: p, count: count)
                return count
            }
        }
        private let ears = Ears()
        var received: [UInt8] { ears.bytes }

        override func onAccept(_ connection: Connection, from listener: ListeningSocket) {
            connection.handler = ears
            Wire.frame(Wire.settings, 0, 0).withUnsafeBytes { connection.write($0) }
        }
    }

    private static func options() -> ClientOptions {
        var options = ClientOptions()
        options.version = .http2
        options.pingInterval = .milliseconds(40)
        options.pingTimeout = .milliseconds(80)
        return options
    }

    @Test func `an upstream that does not answer a PING is given up, with its streams`() throws {
        let loop = try EventLoop()
        let mute = Mute()
        let any = NetworkAddress(IPAddress(ipv4: 0x7F00_0001), port: 0)
        let listener = try ListeningSocket(any, loop: loop, handler: mute)
        let caller = Caller()
        let address = NetworkAddress.ip(try #require(listener.boundAddress))
        let client = try ClientConnection(to: address, loop: loop, options: Self.options(), delegate: caller)
        pump(loop, "not ready") { caller.isReady }
        let answer = Answer()
        try #require(client.open(answer)).sendHead(.request(path: "/", authority: "a"), endStream: true)
        pump(loop, "the connection stays") { caller.reason != nil }
        #expect(answer.failure != nil)
        // A PING without ACK is among what arrived.
        let isAsked = mute.received.indices.contains { at in
            mute.received[at...].starts(with: [0, 0, 8, Wire.ping, 0, 0, 0, 0, 0])
        }
        #expect(isAsked)
        listener.close()
    }

    @Test func `a client that does not answer a PING is given up, and one that answers is kept`() throws {
        let stage = try Stage {
            $0.pingInterval = .milliseconds(40)
            $0.pingTimeout = .milliseconds(80)
        }
        let client = try stage.client(.http2)
        let mute = try stage.raw()
        mute.send(Wire.opening)
        pump(stage.loop, "the silent connection stays") { mute.isClosed }
        #expect(mute.frames.contains { $0.type == Wire.ping && $0.flags == 0 })
        #expect(client.canOpenStream)
    }

    @Test func `an upstream that answers its PINGs is kept`() throws {
        let stage = try Stage()
        let caller = Caller()
        let client = try ClientConnection(
            to: stage.address,
            loop: stage.loop,
            options: Self.options(),
            delegate: caller
        )
        pump(stage.loop, "not ready") { caller.isReady }
        let end = MonotonicTime.now().advanced(by: .milliseconds(500))
        while MonotonicTime.now() < end { stage.loop.runOnce(waitingAtMost: .milliseconds(10)) }
        #expect(caller.reason == nil && client.canOpenStream)
    }
}
