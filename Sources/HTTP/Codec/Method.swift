internal import Base

/// A request method. `other` covers every extension method; its text is in the head's `methodBytes`.
public enum Method: UInt8, Sendable {
    case get, head, post, put, delete, connect, options, trace, patch, other

    /// Repeating the request has the same intended effect (RFC 9110 §9.2.2).
    public var isIdempotent: Bool {
        switch self {
        case .get, .head, .put, .delete, .options, .trace: true
        case .post, .connect, .patch, .other: false
        }
    }

    public var name: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .connect: "CONNECT"
        case .options: "OPTIONS"
        case .trace: "TRACE"
        case .patch: "PATCH"
        case .other: ""
        }
    }

    /// Methods are case-sensitive (RFC 9110 §9.1).
    static func of(_ p: BytePointer, _ count: Int) -> Method {
        switch count {
        case 3: equal(p, "GET") ? .get : equal(p, "PUT") ? .put : .other
        case 4: equal(p, "POST") ? .post : equal(p, "HEAD") ? .head : .other
        case 5: equal(p, "PATCH") ? .patch : equal(p, "TRACE") ? .trace : .other
        case 6: equal(p, "DELETE") ? .delete : .other
        case 7: equal(p, "OPTIONS") ? .options : equal(p, "CONNECT") ? .connect : .other
        default: .other
        }
    }

    private static func equal(_ p: BytePointer, _ literal: StaticString) -> Bool {
        let q = literal.utf8Start
        var i = 0
        while i < literal.utf8CodeUnitCount {
            if p[i] != q[i] { return false }
            i &+= 1
        }
        return true
    }
}
