import Base
import Telemetry
import Testing

@Suite struct AccessLogTests {
    private func line(_ fill: (inout AccessRecord) -> Void) -> String {
        let buffer = LogBuffer(capacity: 64)
        let formatter = AccessLogFormatter(bytesMax: 1 << 20)
        var record = AccessRecord()
        fill(&record)
        formatter.append(record, to: buffer)
        return String(decoding: buffer.bytes, as: UTF8.self)
    }

    @Test func `a record becomes one line with Istio's keys in order`() {
        let text = line { record in
            record.startWallMilliseconds = 951_827_696_789
            record.responseCode = 503
            record.flags = [.upstreamConnectFailure, .retryLimit]
            record.details = "upstream_reset_before_response_started"
            record.upstreamHost = SocketAddress("127.0.0.1:8080")
            record.upstreamServiceMilliseconds = 12
        }
        #expect(
            text == """
                {"start_time":"2000-02-29T12:34:56.789Z","method":null,"path":null,"protocol":null,"response_code":503,\
                "response_flags":"UF,URX","response_code_details":"upstream_reset_before_response_started",\
                "connection_termination_details":null,"upstream_transport_failure_reason":null,"bytes_received":0,\
                "bytes_sent":0,"duration":0,"upstream_service_time":12,"x_forwarded_for":null,"user_agent":null,\
                "request_id":null,"authority":null,"upstream_host":"127.0.0.1:8080","upstream_cluster":null,\
                "upstream_local_address":null,"downstream_local_address":null,"downstream_remote_address":null,\
                "requested_server_name":null,"route_name":null}

                """
        )
    }

    static let rows: [(bytes: [UInt8], json: String)] = [
        (Array("plain".utf8), #""plain""#),
        (Array("a\"b\\c".utf8), #""a\"b\\c""#),
        ([0x0A, 0x01, 0x7F], #""\n\u0001\u007f""#),
        (Array("é€😀".utf8), "\"é€😀\""),
        ([0xC0, 0x80], "\"\u{FFFD}\u{FFFD}\""),
        ([0xE2, 0x82], "\"\u{FFFD}\u{FFFD}\""),
        ([0xED, 0xA0, 0x80], "\"\u{FFFD}\u{FFFD}\u{FFFD}\""),
    ]

    @Test("no byte of a peer can break a JSON string", arguments: rows)
    func escaping(_ row: (bytes: [UInt8], json: String)) {
        let buffer = LogBuffer(capacity: 64)
        row.bytes.withUnsafeBytes { buffer.putJSON($0) }
        #expect(String(decoding: buffer.bytes, as: UTF8.self) == row.json)
    }

    @Test func `a line beyond the limit is dropped and counted`() {
        let buffer = LogBuffer(capacity: 64)
        let formatter = AccessLogFormatter(bytesMax: 100)
        for _ in 0..<3 { formatter.append(AccessRecord(), to: buffer) }
        #expect(formatter.droppedLines == 2)
    }
}
