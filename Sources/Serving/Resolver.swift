internal import Base
internal import CSys
internal import Glibc

/// Names to addresses through the system's resolver, which blocks: each question gets a thread of its own.
enum Resolver {
    private final class Question {
        let host: String
        let answer: @Sendable ([IPAddress]) -> Void
        init(_ host: String, _ answer: @escaping @Sendable ([IPAddress]) -> Void) {
            self.host = host
            self.answer = answer
        }
    }

    /// Calls `answer` once, on some thread; empty when the name has no address.
    static func addresses(of host: String, _ answer: @escaping @Sendable ([IPAddress]) -> Void) {
        let question = Unmanaged.passRetained(Question(host, answer))
        var thread = pthread_t()
        let code = pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                let question = Unmanaged<Question>.fromOpaque(argument).takeRetainedValue()
                question.answer(Resolver.lookUp(question.host))
                return nil
            },
            question.toOpaque()
        )
        guard code == 0 else {
            question.release()
            answer([])
            return
        }
        pthread_detach(thread)
    }

    private static func lookUp(_ host: String) -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_ADDRCONFIG
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [IPAddress] = []
        var next = list
        while let entry = next {
            if let address = address(entry.pointee), !found.contains(address) { found.append(address) }
            next = entry.pointee.ai_next
        }
        return found
    }

    private static func address(_ entry: addrinfo) -> IPAddress? {
        guard let raw = entry.ai_addr else { return nil }
        switch entry.ai_family {
        case AF_INET where entry.ai_addrlen >= MemoryLayout<sockaddr_in>.size:
            return raw.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                IPAddress(ipv4: UInt32(bigEndian: $0.pointee.sin_addr.s_addr))
            }
        case AF_INET6 where entry.ai_addrlen >= MemoryLayout<sockaddr_in6>.size:
            return raw.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { six in
                withUnsafeBytes(of: six.pointee.sin6_addr) { bytes in
                    IPAddress(
                        ipv6High: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                        low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                    )
                }
            }
        default: return nil
        }
    }
}
