import HTTP
import Testing
import Transport

/// Frames that are wrong by themselves, whatever came before (RFC 9113 §4, §6; RFC 7541).
@Suite struct HTTP2FrameFormTests {
    typealias Row = HTTP2FrameTests.Row
    static let noError = HTTP2FrameTests.noError, protocolError = HTTP2FrameTests.protocolError
    static let flowControl = HTTP2FrameTests.flowControl, frameSize = HTTP2FrameTests.frameSize
    static let compression = HTTP2FrameTests.compression, closed = HTTP2FrameTests.closed

    static let get = Wire.block(Wire.pseudo())
    static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

    static let formRows: [Row] = [
        Row(says: "an unknown type is passed over", bytes: Wire.frame(0x42, 0xFF, 0, [1, 2, 3]), expect: .passedOver),
        Row(
            says: "an undefined flag is passed over",
            bytes: Wire.frame(Wire.ping, 0x16, 0, zeros(8)),
            expect: .passedOver
        ),
        Row(
            says: "the reserved bit is passed over",
            bytes: Wire.frame(Wire.ping, 0, 0x8000_0000, zeros(8)),
            expect: .passedOver
        ),
        Row(
            says: "DATA larger than SETTINGS_MAX_FRAME_SIZE",
            bytes: Wire.post(1) + Wire.frame(Wire.data, 1, 1, zeros(16_385)),
            expect: .refused(frameSize)
        ),
        Row(
            says: "HEADERS larger than SETTINGS_MAX_FRAME_SIZE",
            bytes: Wire.frame(Wire.headers, 5, 1, get + Wire.block([("x", String(repeating: "y", count: 16_400))])),
            expect: .refused(frameSize)
        ),
        Row(says: "DATA on stream 0", bytes: Wire.frame(Wire.data, 1, 0, [1]), expect: .refused(protocolError)),
        Row(
            says: "DATA with more padding than payload",
            bytes: Wire.post(1) + Wire.frame(Wire.data, 9, 1, [9, 1, 2]),
            expect: .refused(protocolError)
        ),
        Row(
            says: "DATA with padding",
            bytes: Wire.post(1) + Wire.frame(Wire.data, 9, 1, [2, 65, 0, 0]),
            expect: .answered(200)
        ),
        Row(says: "HEADERS on stream 0", bytes: Wire.frame(Wire.headers, 5, 0, get), expect: .refused(protocolError)),
        Row(
            says: "HEADERS with more padding than payload",
            bytes: Wire.frame(Wire.headers, 13, 1, [200] + get),
            expect: .refused(protocolError)
        ),
        Row(
            says: "HEADERS that depend on their own stream",
            bytes: Wire.frame(Wire.headers, 0x25, 1, Wire.number(1) + [9] + get),
            expect: .refused(protocolError)
        ),
        Row(
            says: "PRIORITY on stream 0",
            bytes: Wire.frame(Wire.priority, 0, 0, Wire.number(3) + [9]),
            expect: .refused(protocolError)
        ),
        Row(
            says: "PRIORITY of the wrong size",
            bytes: Wire.frame(Wire.priority, 0, 1, zeros(4)),
            expect: .refused(frameSize)
        ),
        Row(
            says: "PRIORITY that depends on its own stream, exclusively",
            bytes: Wire.frame(Wire.priority, 0, 5, Wire.number(0x8000_0005) + [9]),
            expect: .refused(protocolError)
        ),
        Row(
            says: "PRIORITY on an idle stream is passed over",
            bytes: Wire.frame(Wire.priority, 0, 5, Wire.number(3) + [9]),
            expect: .passedOver
        ),
        Row(
            says: "RST_STREAM on stream 0",
            bytes: Wire.frame(Wire.reset, 0, 0, zeros(4)),
            expect: .refused(protocolError)
        ),
        Row(
            says: "RST_STREAM of the wrong size",
            bytes: Wire.post(1) + Wire.frame(Wire.reset, 0, 1, zeros(3)),
            expect: .refused(frameSize)
        ),
        Row(
            says: "RST_STREAM with an unknown code",
            bytes: Wire.post(1) + Wire.frame(Wire.reset, 0, 1, Wire.number(255)),
            expect: .passedOver
        ),
        Row(
            says: "PUSH_PROMISE from a client",
            bytes: Wire.post(1) + Wire.frame(Wire.push, 4, 1, Wire.number(2) + get),
            expect: .refused(protocolError)
        ),
        Row(says: "PING of the wrong size", bytes: Wire.frame(Wire.ping, 0, 0, zeros(6)), expect: .refused(frameSize)),
        Row(says: "PING on a stream", bytes: Wire.frame(Wire.ping, 0, 1, zeros(8)), expect: .refused(protocolError)),
        Row(says: "PING with ACK is not answered", bytes: Wire.frame(Wire.ping, 1, 0, zeros(8)), expect: .passedOver),
        Row(
            says: "GOAWAY on a stream",
            bytes: Wire.frame(Wire.goAway, 0, 1, zeros(8)),
            expect: .refused(protocolError)
        ),
    ]

    @Test("the form of a frame", arguments: formRows) func format(_ row: Row) throws { try HTTP2FrameTests.check(row) }

    static func settings(_ id: UInt8, _ value: UInt32) -> [UInt8] {
        Wire.frame(Wire.settings, 0, 0, Wire.setting(id, value))
    }

    static let settingRows: [Row] = [
        Row(says: "ACK with a payload", bytes: Wire.frame(Wire.settings, 1, 0, [0]), expect: .refused(frameSize)),
        Row(says: "on a stream", bytes: Wire.frame(Wire.settings, 0, 1), expect: .refused(protocolError)),
        Row(
            says: "not a multiple of six",
            bytes: Wire.frame(Wire.settings, 0, 0, zeros(3)),
            expect: .refused(frameSize)
        ),
        Row(says: "ENABLE_PUSH of 2", bytes: settings(2, 2), expect: .refused(protocolError)),
        Row(says: "a window above 2^31-1", bytes: settings(4, 0x8000_0000), expect: .refused(flowControl)),
        Row(says: "a frame size below 16,384", bytes: settings(5, 16_383), expect: .refused(protocolError)),
        Row(says: "a frame size above 2^24-1", bytes: settings(5, 1 << 24), expect: .refused(protocolError)),
        Row(says: "an unknown setting", bytes: settings(0xFF, 1), expect: .passedOver),
        Row(
            says: "a window that makes a stream's overflow",
            bytes: Wire.post(1) + Wire.frame(Wire.window, 0, 1, Wire.number(1 << 30)) + settings(4, 0x7FFF_FFFF),
            expect: .reset(flowControl)
        ),
    ]

    @Test("SETTINGS", arguments: settingRows) func settings(_ row: Row) throws { try HTTP2FrameTests.check(row) }

    static let windowRows: [Row] = [
        Row(
            says: "the connection's by nothing",
            bytes: Wire.frame(Wire.window, 0, 0, Wire.number(0)),
            expect: .refused(protocolError)
        ),
        Row(
            says: "a stream's by nothing",
            bytes: Wire.request(1) + Wire.frame(Wire.window, 0, 1, Wire.number(0x8000_0000)),
            expect: .refused(protocolError)
        ),
        Row(
            says: "the wrong size",
            bytes: Wire.request(1) + Wire.frame(Wire.window, 0, 1, zeros(3)),
            expect: .refused(frameSize)
        ),
        Row(
            says: "the connection's above 2^31-1",
            bytes: Wire.frame(Wire.window, 0, 0, Wire.number(0x7FFF_FFFF)),
            expect: .refused(flowControl)
        ),
        Row(
            says: "a stream's above 2^31-1",
            bytes: Wire.post(1) + Wire.frame(Wire.window, 0, 1, Wire.number(0x7FFF_FFFF)),
            expect: .reset(flowControl)
        ),
    ]

    @Test("a window grows", arguments: windowRows) func windows(_ row: Row) throws { try HTTP2FrameTests.check(row) }

    static let blockRows: [Row] = [
        Row(
            says: "a block in three pieces",
            bytes: Wire.frame(Wire.headers, 1, 1, Array(get.prefix(5)))
                + Wire.frame(Wire.continuation, 0, 1, Array(get.dropFirst(5).prefix(5)))
                + Wire.frame(Wire.continuation, 4, 1, Array(get.dropFirst(10))),
            expect: .answered(200)
        ),
        Row(
            says: "PRIORITY inside a block",
            bytes: Wire.frame(Wire.headers, 1, 1, get) + Wire.frame(Wire.priority, 0, 1, Wire.number(0) + [9]),
            expect: .refused(protocolError)
        ),
        Row(
            says: "an unknown type inside a block",
            bytes: Wire.frame(Wire.headers, 1, 1, get) + Wire.frame(0x42, 0, 0, [1]),
            expect: .refused(protocolError)
        ),
        Row(
            says: "another stream's HEADERS inside a block",
            bytes: Wire.frame(Wire.headers, 1, 1, get) + Wire.request(3),
            expect: .refused(protocolError)
        ),
        Row(
            says: "CONTINUATION of another stream",
            bytes: Wire.frame(Wire.headers, 1, 1, get) + Wire.frame(Wire.continuation, 4, 3),
            expect: .refused(protocolError)
        ),
        Row(
            says: "CONTINUATION on stream 0",
            bytes: Wire.frame(Wire.headers, 1, 1, get) + Wire.frame(Wire.continuation, 4, 0),
            expect: .refused(protocolError)
        ),
        Row(
            says: "CONTINUATION without a block",
            bytes: Wire.post(1) + Wire.frame(Wire.data, 0, 1, [1]) + Wire.frame(Wire.continuation, 4, 1),
            expect: .refused(protocolError)
        ),
        Row(
            says: "an index outside of the table",
            bytes: Wire.frame(Wire.headers, 5, 1, get + [0xC6]),
            expect: .refused(compression)
        ),
        Row(says: "index 0", bytes: Wire.frame(Wire.headers, 5, 1, get + [0x80]), expect: .refused(compression)),
        Row(
            says: "a name's index outside of the table",
            bytes: Wire.frame(Wire.headers, 5, 1, get + [0x7E, 1, 65]),
            expect: .refused(compression)
        ),
        Row(
            says: "a table size update at the end of a block",
            bytes: Wire.frame(Wire.headers, 5, 1, get + [0x20]),
            expect: .refused(compression)
        ),
        Row(
            says: "a table size update above SETTINGS_HEADER_TABLE_SIZE",
            bytes: Wire.frame(Wire.headers, 5, 1, [0x3F, 0xE2, 0x1F] + get),
            expect: .refused(compression)
        ),
        Row(
            says: "Huffman padding longer than seven bits",
            bytes: Wire.frame(Wire.headers, 5, 1, get + [0x10, 1, 120, 0x82, 0x1F, 0xFF]),
            expect: .refused(compression)
        ),
        Row(
            says: "Huffman padding of zeros",
            bytes: Wire.frame(Wire.headers, 5, 1, get + [0x10, 1, 120, 0x81, 0x18]),
            expect: .refused(compression)
        ),
        Row(
            says: "the end-of-string symbol inside a string",
            bytes: Wire.frame(Wire.headers, 5, 1, get + [0x10, 1, 120, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]),
            expect: .refused(compression)
        ),
        Row(
            says: "a block that ends inside a string",
            bytes: Wire.frame(Wire.headers, 5, 1, get + [0x10, 1, 120, 9, 65]),
            expect: .refused(compression)
        ),
    ]

    @Test("header blocks", arguments: blockRows) func blocks(_ row: Row) throws { try HTTP2FrameTests.check(row) }

    @Test func `a first frame other than SETTINGS ends the connection`() throws {
        let stage = try Stage()
        let client = try stage.raw()
        client.send(Wire.preface + Wire.frame(Wire.ping, 0, 0, HTTP2FrameFormTests.zeros(8)))
        pump(stage.loop, "the connection stays") { client.isClosed }
        #expect(client.goAwayCode == 1)
    }

    @Test func `what is neither HTTP/1 nor HTTP/2 gets no answer`() throws {
        let stage = try Stage()
        let client = try stage.raw()
        client.send("INVALID CONNECTION PREFACE\r\n\r\n")
        pump(stage.loop, "the connection stays") { client.isClosed }
        #expect(client.bytes.isEmpty && stage.service.rejections == [0])
    }
}
