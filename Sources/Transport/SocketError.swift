internal import CSys

/// A system call on a socket or on epoll that failed.
///
/// `code` is errno. Whether a retry helps is the caller's knowledge: `EADDRINUSE` needs another port, `EMFILE` needs
/// time.
public struct SocketError: Error, Equatable, Sendable, CustomStringConvertible {
    public let code: Int32
    /// The call that failed, such as `bind`.
    public let call: String

    public init(code: Int32, call: String) {
        self.code = code
        self.call = call
    }

    static func last(_ call: String) -> SocketError { SocketError(code: gh_errno(), call: call) }

    public var isAddressInUse: Bool { code == EADDRINUSE }

    public var description: String {
        guard let text = strerror(code) else { return "\(call): error \(code)" }
        return "\(call): \(String(cString: text))"
    }
}
