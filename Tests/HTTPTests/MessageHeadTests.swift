import HTTP
import Testing

@Suite struct MessageHeadTests {
    @Test func `fields are found by name in any case, known or not`() {
        let head = MessageHead.request(
            path: "/",
            authority: "a.test",
            fields: [("Content-Type", "text/plain"), ("X-Own", "1"), ("x-own", "2")]
        )
        #expect(head.text(.contentType) == "text/plain" && head.text("content-TYPE") == "text/plain")
        #expect(head.text("X-OWN") == "1")
        #expect(head.fieldList.map(\.value) == ["text/plain", "1", "2"])
    }

    @Test func `setting replaces every field of the name, also by a view of itself`() {
        let head = MessageHead.response(status: 200, fields: [("a", "1"), ("b", "x"), ("A", "2")])
        if let value = head.value(named: UnsafeRawBufferPointer("b")) { head.set(UnsafeRawBufferPointer("a"), value) }
        #expect(head.fieldList.map { "\($0.name)=\($0.value)" } == ["b=x", "a=x"])
        head.remove("B")
        #expect(head.fieldList.count == 1)
    }

    @Test func `the length and its field always agree`() {
        let head = MessageHead.response(status: 200, fields: [("content-length", "12")])
        #expect(head.contentLength == 12)
        #expect(!head.append("content-length", "-1") && head.contentLength == 12)
        head.set("Content-Length", "13")
        #expect(head.contentLength == 13 && head.fieldList.count == 1)
        head.remove(.contentLength)
        #expect(head.contentLength == nil && !head.has(.contentLength))
    }

    @Test func `what would split a message is refused`() {
        let head = MessageHead.response(status: 200)
        #expect(!head.append("x", "a\r\nset-cookie: b"))
        #expect(!head.append("x y", "a") && !head.append("", "a") && !head.append("x", "a\u{0}"))
        #expect(head.fieldList.isEmpty)
    }

    @Test func `hop-by-hop fields go, and what they nominate, but not what frames the message`() {
        let head = MessageHead.request(
            path: "/",
            authority: "a.test",
            fields: [
                ("connection", "close, X-Secret, content-length"), ("x-secret", "1"), ("content-length", "3"),
                ("keep-alive", "timeout=5"), ("te", "gzip, trailers"), ("proxy", "http://evil.test"),
                ("upgrade", "websocket"), ("x-keep", "1"),
            ]
        )
        head.removeHopByHopFields(keepingUpgrade: true)
        // Nominations are noted when a head is received; one made by hand keeps the nominated field.
        #expect(head.text(.connection) == nil && head.text(.keepAlive) == nil && head.text(.proxy) == nil)
        #expect(head.text(.te) == "trailers" && head.text(.upgrade) == "websocket" && head.contentLength == 3)
        head.removeHopByHopFields(keepingUpgrade: false)
        #expect(head.text(.upgrade) == nil && head.text("x-keep") == "1")
    }

    @Test func `a copy is independent and complete`() {
        let head = MessageHead.request(
            method: "PURGE",
            path: "/a?b",
            authority: "a.test:1",
            fields: [("x", "1"), ("y", "2")]
        )
        head.remove("x")
        let copy = head.copy()
        head.clear()
        #expect(copy.methodText == "PURGE" && copy.pathText == "/a?b" && copy.authorityText == "a.test:1")
        #expect(copy.fieldList.map(\.name) == ["y"])
    }

    @Test func `many and long fields grow the head`() {
        let head = MessageHead.response(status: 200)
        for i in 0..<500 { head.append("x-\(i)", String(repeating: "v", count: i % 300)) }
        #expect(head.fieldList.count == 500 && head.text("x-499")?.utf8.count == 199)
    }
}
