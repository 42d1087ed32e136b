internal import CSys
internal import XDS

/// Options of listening sockets, which the kernel hands on to accepted connections: no system call per connection.
enum SocketSettings {
    /// An option that the kernel refuses (a unix socket has no TCP options) is left out: it guards against nothing
    /// there.
    static func apply(_ options: [SocketOption], to descriptor: Int32) {
        for option in options { _ = gh_set_option(descriptor, option.level, option.name, option.value) }
    }
}
