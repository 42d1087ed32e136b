internal import Base
internal import Routing

extension Exchange {
    /// A hash policy that makes its cookie: the client gets a random one, which keeps it on the endpoint picked now.
    func makeCookie(_ action: ForwardAction) {
        for rule in action.hashRules {
            guard case .cookie(let name, let lifetime?, let path, let attributes) = rule.source else { continue }
            let value = String(worker.random.next(), radix: 16)
            var text = String(decoding: name, as: UTF8.self) + "=\"\(value)\""
            if lifetime > .zero { text += "; Max-Age=\(lifetime.components.seconds)" }
            if !path.isEmpty { text += "; Path=" + String(decoding: path, as: UTF8.self) }
            newCookie = Array((text + "; HttpOnly").utf8) + attributes
            var bytes = value
            hash = bytes.withUTF8 { XXHash64.hash(UnsafeRawBufferPointer($0)) }
            return
        }
    }
}
