import HTTP
import Testing
import Transport

/// What a client may not do to a connection or stream, frame by frame (RFC 9113, RFC 7541).
@Suite struct HTTP2FrameTests {
    enum Outcome: Equatable {
        /// GOAWAY with this code, and the connection ends.
        case refused(UInt32)
        /// Stream 1 is reset with this code, and the connection goes on.
        case reset(UInt32)
        /// Stream 1 is answered with this status.
        case answered(Int)
        /// Nothing but the answer to a PING.
        case passedOver
    }

    struct Row: CustomTestStringConvertible, Sendable {
        var says: String
        /// Sent one after the other; a piece waits until the stream in `after` has ended.
        var bytes: [UInt8]
        /// Sent once the answer on stream 1 is complete.
        var then: [UInt8] = []
        var expect: Outcome
        var testDescription: String { says }
    }

    static let noError: UInt32 = 0, protocolError: UInt32 = 1, flowControl: UInt32 = 3, closed: UInt32 = 5
    static let frameSize: UInt32 = 6, refusedStream: UInt32 = 7, compression: UInt32 = 9, calm: UInt32 = 11

    static func check(_ row: Row, cut: Int = .max) throws {
        let stage = try Stage()
        let client = try stage.raw()
        func send(_ bytes: [UInt8]) {
            var rest = bytes[...]
            while !rest.isEmpty {
                client.send(Array(rest.prefix(cut)))
                rest = rest.dropFirst(cut)
                if cut < .max { stage.loop.runOnce(waitingAtMost: .zero) }
            }
        }
        send(Wire.opening + row.bytes)
        if !row.then.isEmpty {
            pump(stage.loop, "stream 1 does not end") { client.hasEnded(1) || client.isClosed }
            send(row.then)
        }
        switch row.expect {
        case .refused(let code):
            pump(stage.loop, "the connection stays") { client.isClosed }
            #expect(client.goAwayCode == code)
        case .reset(let code):
            send(Wire.probe)
            pump(stage.loop, "no reset") { client.resetCode(1) != nil && client.isProbeAnswered || client.isClosed }
            #expect(client.resetCode(1) == code && client.goAwayCode == nil)
        case .answered(let status):
            pump(stage.loop, "no answer") { client.hasEnded(1) || client.isClosed }
            #expect(client.status(1) == status && client.goAwayCode == nil)
        case .passedOver:
            send(Wire.probe)
            pump(stage.loop, "no answer to the PING") { client.isProbeAnswered || client.isClosed }
            #expect(client.goAwayCode == nil && client.isProbeAnswered)
        }
    }

    // MARK: states

    static let stateRows: [Row] = [
        Row(says: "DATA on an idle stream", bytes: Wire.frame(Wire.data, 1, 1, [1]), expect: .refused(protocolError)),
        Row(
            says: "RST_STREAM on an idle stream",
            bytes: Wire.frame(Wire.reset, 0, 1, Wire.number(8)),
            expect: .refused(protocolError)
        ),
        Row(
            says: "WINDOW_UPDATE on an idle stream",
            bytes: Wire.frame(Wire.window, 0, 1, Wire.number(9)),
            expect: .refused(protocolError)
        ),
        Row(
            says: "DATA behind END_STREAM",
            bytes: Wire.request(1) + Wire.frame(Wire.data, 1, 1, [1]),
            expect: .refused(closed)
        ),
        Row(
            says: "DATA on a stream whose exchange is over",
            bytes: Wire.request(1),
            then: Wire.frame(Wire.data, 1, 1, [1]),
            expect: .refused(closed)
        ),
        Row(
            says: "HEADERS behind END_STREAM",
            bytes: Wire.request(1) + Wire.request(1),
            expect: .refused(closed)
        ),
        Row(
            says: "HEADERS on a stream whose exchange is over",
            bytes: Wire.request(1),
            then: Wire.request(1),
            expect: .refused(closed)
        ),
        Row(
            says: "DATA behind the client's own reset",
            bytes: Wire.post(1) + Wire.frame(Wire.reset, 0, 1, Wire.number(8)) + Wire.frame(Wire.data, 1, 1, [1]),
            expect: .refused(closed)
        ),
        Row(
            says: "HEADERS behind the client's own reset",
            bytes: Wire.post(1) + Wire.frame(Wire.reset, 0, 1, Wire.number(8)) + Wire.request(1),
            expect: .refused(closed)
        ),
        Row(
            says: "DATA behind trailers",
            bytes: Wire.post(1) + Wire.frame(Wire.headers, 5, 1, Wire.block([("x-sum", "1")]))
                + Wire.frame(Wire.data, 1, 1, [1]),
            expect: .refused(closed)
        ),
        Row(
            says: "a stream number below one that was used",
            bytes: Wire.request(5) + Wire.request(3),
            expect: .refused(protocolError)
        ),
        Row(
            says: "DATA on a number that was skipped",
            bytes: Wire.request(5) + Wire.frame(Wire.data, 1, 3, [1]),
            expect: .refused(closed)
        ),
        Row(says: "an even stream number", bytes: Wire.request(2), expect: .refused(protocolError)),
        Row(
            says: "CONTINUATION on a finished block",
            bytes: Wire.request(1) + Wire.frame(Wire.continuation, 4, 1, Wire.block([("x", "y")])),
            expect: .refused(protocolError)
        ),
        Row(
            says: "PRIORITY, WINDOW_UPDATE and RST_STREAM on a stream that is over",
            bytes: Wire.request(1),
            then: Wire.frame(Wire.priority, 0, 1, Wire.number(0) + [9]) + Wire.frame(Wire.window, 0, 1, Wire.number(9))
                + Wire.frame(Wire.reset, 0, 1, Wire.number(8)),
            expect: .passedOver
        ),
        Row(
            says: "DATA on a stream that we have just reset",
            bytes: Wire.post(1, fields: [("connection", "close")]) + Wire.frame(Wire.data, 0, 1, [1, 2, 3])
                + Wire.frame(Wire.headers, 5, 1, Wire.block([("x-sum", "1")])),
            expect: .reset(protocolError)
        ),
    ]

    @Test("stream states", arguments: stateRows) func states(_ row: Row) throws { try HTTP2FrameTests.check(row) }

    @Test("the same when every octet arrives alone", arguments: stateRows) func cut(_ row: Row) throws {
        try HTTP2FrameTests.check(row, cut: 1)
    }

    @Test func `late frames of a stream that we reset are passed over, and the next stream is served`() throws {
        let stage = try Stage()
        stage.service.onStream = { stream, _ in
            if stream.head.method == .post {
                stream.reset(.internalError)
            } else {
                stream.sendHead(.response(status: 200), endStream: true)
            }
        }
        let client = try stage.raw()
        client.send(Wire.opening + Wire.post(1))
        pump(stage.loop, "no reset") { client.resetCode(1) == 2 }
        client.send(Wire.frame(Wire.data, 0, 1, [UInt8](repeating: 0, count: 16_000)))
        client.send(Wire.frame(Wire.headers, 5, 1, Wire.block([("x-sum", "1")])) + Wire.request(3))
        pump(stage.loop, "no answer") { client.hasEnded(3) || client.isClosed }
        #expect(client.status(3) == 200 && client.goAwayCode == nil)
    }

    @Test func `a skipped stream number is told from a used one at any distance`() throws {
        let rows: [(used: UInt32, tried: UInt32, code: UInt32)] = [(1, 1, 5), (131, 3, 5), (129, 3, 1), (3, 1, 1)]
        for (used, tried, code) in rows {
            let stage = try Stage()
            let client = try stage.raw()
            client.send(Wire.opening + Wire.request(used) + Wire.request(tried))
            pump(stage.loop, "the connection stays") { client.isClosed }
            #expect(client.goAwayCode == code, "\(used) then \(tried)")
        }
    }
}
