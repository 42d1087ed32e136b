import Base
import HTTP
import Routing
import Testing
import XDS

@Suite struct HeaderEditsTests {
    static func request(_ fields: [(String, String)] = []) -> MessageHead {
        .request(path: "/p?q", authority: "a.example", fields: fields)
    }

    static func apply(_ levels: [HeaderMutations], to head: MessageHead, facts: RequestFacts = Make.facts()) throws {
        var scratch: [UInt8] = []
        try HeaderEdits(requestLevels: levels).apply(to: head, request: nil, facts: facts, scratch: &scratch)
    }

    @Test func `removals come before additions within a level`() throws {
        let head = Self.request([("x-a", "old")])
        try Self.apply(
            [HeaderMutations(requestAdd: [HeaderMutation(name: "x-a", value: "new")], requestRemove: ["X-A"])],
            to: head
        )
        #expect(head.fieldList.map(\.value) == ["new"])
    }

    @Test func `levels run in the order given`() throws {
        let head = Self.request()
        try Self.apply(
            ["1", "2"].map {
                HeaderMutations(requestAdd: [HeaderMutation(name: "x-a", value: $0, action: .overwriteIfExistsOrAdd)])
            },
            to: head
        )
        #expect(head.fieldList.map(\.value) == ["2"])
    }

    struct ModeRow: CustomTestStringConvertible, Sendable {
        var action: HeaderMutation.Action
        var present: [String]
        var absent: [String]
        var testDescription: String { "\(action)" }
    }

    @Test(
        "append actions do what their names say",
        arguments: [
            ModeRow(action: .appendIfExistsOrAdd, present: ["old", "new"], absent: ["new"]),
            ModeRow(action: .addIfAbsent, present: ["old"], absent: ["new"]),
            ModeRow(action: .overwriteIfExistsOrAdd, present: ["new"], absent: ["new"]),
            ModeRow(action: .overwriteIfExists, present: ["new"], absent: []),
        ]
    )
    func modes(_ row: ModeRow) throws {
        let change = HeaderMutations(requestAdd: [HeaderMutation(name: "x-a", value: "new", action: row.action)])
        let present = Self.request([("x-a", "old")])
        try Self.apply([change], to: present)
        #expect(present.fieldList.map(\.value) == row.present)
        let absent = Self.request()
        try Self.apply([change], to: absent)
        #expect(absent.fieldList.map(\.value) == row.absent)
    }

    @Test func `an empty value is dropped unless it is to be kept`() throws {
        let head = Self.request()
        try Self.apply(
            [
                HeaderMutations(requestAdd: [
                    HeaderMutation(name: "x-a", value: "%REQ(missing)%"),
                    HeaderMutation(name: "x-b", value: "", keepsEmptyValue: true),
                ])
            ],
            to: head
        )
        #expect(head.fieldList.map(\.name) == ["x-b"])
    }

    struct FormatRow: CustomTestStringConvertible, Sendable {
        var format: String
        var expect: String?
        var testDescription: String { format }
    }

    static let formats: [FormatRow] = [
        FormatRow(format: "plain", expect: "plain"),
        FormatRow(format: "100%%", expect: "100%"),
        FormatRow(format: "[%REQ(x-in)%]", expect: "[value]"),
        FormatRow(format: "%REQ(none?X-IN)%", expect: "value"),
        FormatRow(format: "%REQ(x-in):3%", expect: "val"),
        FormatRow(
            format: "%REQ(:method)% %REQ(:path)% %REQ(:authority)% %REQ(host)%",
            expect: "GET /p?q a.example a.example"
        ),
        FormatRow(format: "%DOWNSTREAM_REMOTE_ADDRESS%", expect: "9.9.9.9:5000"),
        FormatRow(format: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", expect: "9.9.9.9"),
        FormatRow(format: "%DOWNSTREAM_REMOTE_PORT%", expect: "5000"),
        FormatRow(format: "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%", expect: "10.0.0.1"),
        FormatRow(format: "%DOWNSTREAM_LOCAL_ADDRESS%", expect: "127.0.0.1:8080"),
        FormatRow(format: "%PROTOCOL%", expect: "HTTP/1.1"),
        FormatRow(format: "%START_TIME%", expect: "2024-02-29T23:59:59.007Z"),
        FormatRow(format: "%START_TIME(%s)%", expect: "1709251199"),
        FormatRow(format: "%START_TIME(%s.%3f)%", expect: "1709251199.007"),
        FormatRow(
            format: "%REQUESTED_SERVER_NAME%|%DOWNSTREAM_PEER_URI_SAN%",
            expect: "sni.example|spiffe://a,spiffe://b"
        ),
        FormatRow(format: "%RESPONSE_CODE%", expect: nil),
        FormatRow(format: "%UPSTREAM_CLUSTER%", expect: nil),
    ]

    @Test("commands become values", arguments: formats) func becomeValues(_ row: FormatRow) throws {
        let peer = ConnectionFacts.Peer(uriNames: [Array("spiffe://a".utf8), Array("spiffe://b".utf8)])
        var facts = Make.facts(Make.connection(isTLS: true, peer: peer, name: "sni.example"))
        facts.startMilliseconds = 1_709_251_199_007
        let head = Self.request([("X-In", "value")])
        try Self.apply(
            [HeaderMutations(requestAdd: [HeaderMutation(name: "x-out", value: row.format)])],
            to: head,
            facts: facts
        )
        #expect(head.text("x-out") == row.expect)
    }

    @Test func `a response edit may quote the request`() throws {
        let change = HeaderMutations(responseAdd: [HeaderMutation(name: "x-out", value: "%REQ(x-in)%-%RESP(x-up)%")])
        let response = MessageHead.response(status: 200, fields: [("x-up", "2")])
        var scratch: [UInt8] = []
        try HeaderEdits(responseLevels: [change]).apply(
            to: response,
            request: Self.request([("x-in", "1")]),
            facts: Make.facts(),
            scratch: &scratch
        )
        #expect(response.text("x-out") == "1-2")
    }

    @Test(
        "a broken format is refused",
        arguments: ["%", "%REQ%", "%REQ()%", "%REQ(a", "%REQ(a)", "%REQ(a):x%", "a%b", "%UNKNOWN%", "%START_TIME(%Y)%"]
    )
    func refuses(_ format: String) {
        let change = HeaderMutations(requestAdd: [HeaderMutation(name: "a", value: format)])
        #expect(throws: CompileError.self) { try HeaderEdits(requestLevels: [change]) }
    }
}
