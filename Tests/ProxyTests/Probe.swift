import Base
import CSys
import HTTP
import Testing
import Transport

/// A client for tests: raw HTTP/1 over a blocking socket, to see exactly what is on the wire.
final class RawClient {
    struct Answer {
        var status: Int
        var head: String
        var body: String

        func header(_ name: String) -> String? {
            for line in head.split(separator: "\r\n").dropFirst() {
                guard let colon = line.firstIndex(of: ":") else { continue }
                if line[..<colon].lowercased() == name {
                    return line[line.index(after: colon)...].drop { $0 == " " }.description
                }
            }
            return nil
        }
    }

    private let descriptor: Int32
    private var buffer: [UInt8] = []

    init(_ address: SocketAddress) {
        var raw = gh_address()
        raw.family = 4
        raw.high = address.address.high
        raw.port = address.port
        var pending: Int32 = 0
        var from = gh_address()
        descriptor = gh_connect(&raw, nil, &from, &pending)
    }

    deinit { close(descriptor) }

    func send(_ text: String) {
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            wait(4)
            let count = bytes.withUnsafeBytes { raw in
                raw.baseAddress.map { gh_send(descriptor, $0 + sent, bytes.count - sent) } ?? -1
            }
            if count <= 0 { return }
            sent += count
        }
    }

    func endSending() { _ = gh_shutdown_write(descriptor) }

    private func wait(_ events: Int16) {
        var poll = pollfd(fd: descriptor, events: events, revents: 0)
        _ = CSys.poll(&poll, 1, 5000)
    }

    /// False at the end of the connection, or after five seconds of silence.
    private func fill() -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65536)
        wait(1)
        let count = chunk.withUnsafeMutableBytes { gh_recv(descriptor, $0.baseAddress, $0.count) }
        if count <= 0 { return false }
        buffer += chunk.prefix(count)
        return true
    }

    /// Everything until the peer closes.
    func readToEnd() -> String {
        while fill() {}
        defer { buffer = [] }
        return String(decoding: buffer, as: UTF8.self)
    }

    /// Until the buffer ends with `text`.
    func read(until text: String) -> String {
        while !String(decoding: buffer, as: UTF8.self).hasSuffix(text) { if !fill() { break } }
        defer { buffer = [] }
        return String(decoding: buffer, as: UTF8.self)
    }

    var isClosed: Bool { buffer.isEmpty && !fill() }

    func answer(hasBody: Bool = true) -> Answer {
        while buffer.firstRange(of: Array("\r\n\r\n".utf8)) == nil { if !fill() { break } }
        guard let end = buffer.firstRange(of: Array("\r\n\r\n".utf8)) else {
            return Answer(status: 0, head: String(decoding: buffer, as: UTF8.self), body: "")
        }
        let head = String(decoding: buffer[..<end.lowerBound], as: UTF8.self)
        buffer.removeSubrange(..<end.upperBound)
        let status = Int(head.dropFirst(9).prefix(3)) ?? 0
        var answer = Answer(status: status, head: head, body: "")
        if !hasBody || status == 204 || status == 304 || status < 200 { return answer }
        if let length = answer.header("content-length").flatMap({ Int($0) }) {
            while buffer.count < length { if !fill() { break } }
            answer.body = String(decoding: buffer.prefix(length), as: UTF8.self)
            buffer.removeFirst(min(length, buffer.count))
        } else if answer.header("transfer-encoding") != nil {
            while true {
                while buffer.firstRange(of: Array("\r\n".utf8)) == nil { if !fill() { return answer } }
                guard let line = buffer.firstRange(of: Array("\r\n".utf8)) else { return answer }
                let size = Int(String(decoding: buffer[..<line.lowerBound], as: UTF8.self), radix: 16) ?? 0
                while buffer.count < line.upperBound + size + 2 { if !fill() { return answer } }
                answer.body += String(decoding: buffer[line.upperBound..<line.upperBound + size], as: UTF8.self)
                buffer.removeFirst(line.upperBound + size + 2)
                if size == 0 { return answer }
            }
        } else {
            answer.body = readToEnd()
        }
        return answer
    }

    func get(_ path: String, host: String = "a.example", headers: String = "") -> Answer {
        send("GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\(headers)\r\n")
        return answer()
    }
}
