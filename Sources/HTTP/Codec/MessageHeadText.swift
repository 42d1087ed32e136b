internal import Base

/// Conveniences with Strings, for the control plane and tests. The data plane's hot path uses bytes.
extension MessageHead {
    public static func request(
        method: String = "GET",
        path: String,
        authority: String,
        scheme: Scheme = .http,
        fields: [(String, String)] = []
    ) -> MessageHead {
        let head = MessageHead()
        head.withText(method) { head.setMethod($0) }
        head.withText(path) { head.setPath($0) }
        head.withText(authority) { head.setAuthority($0) }
        head.scheme = scheme
        for (name, value) in fields { head.append(name, value) }
        return head
    }

    public static func response(status: UInt16, fields: [(String, String)] = []) -> MessageHead {
        let head = MessageHead()
        head.status = status
        for (name, value) in fields { head.append(name, value) }
        return head
    }

    public static func trailers(_ fields: [(String, String)] = []) -> MessageHead {
        response(status: 0, fields: fields)
    }

    public var methodText: String { String(decoding: methodBytes, as: UTF8.self) }
    public var pathText: String { String(decoding: path, as: UTF8.self) }
    public var authorityText: String { String(decoding: authority, as: UTF8.self) }

    /// Every living field in order.
    public var fieldList: [(name: String, value: String)] {
        (0..<fieldCount).filter(isLive).map { index in
            (String(decoding: name(at: index), as: UTF8.self), String(decoding: value(at: index), as: UTF8.self))
        }
    }

    /// The first value of a field, by its name in any case.
    public func text(_ name: String) -> String? {
        withText(name) { bytes in value(named: bytes).map { String(decoding: $0, as: UTF8.self) } }
    }

    public func text(_ id: KnownField) -> String? { value(id).map { String(decoding: $0, as: UTF8.self) } }

    @discardableResult
    public func append(_ name: String, _ value: String) -> Bool {
        withText(name) { name in withText(value) { append(name, $0) } }
    }

    @discardableResult
    public func set(_ name: String, _ value: String) -> Bool {
        withText(name) { name in withText(value) { set(name, $0) } }
    }

    public func remove(_ name: String) {
        withText(name) { remove($0) }
    }

    private func withText<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        var text = text
        return text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
    }
}
