internal import Base

final class HTTP2ServerEngine: ServerEngine {
    init(_ server: ServerConnection) {}
}

final class HTTP2ClientEngine: ClientEngine {
    init(_ client: ClientConnection) {}
}
final class HTTP1ServerEngine: ServerEngine {
    init(_ server: ServerConnection) {}
}

final class HTTP1ClientEngine: ClientEngine {
    init(_ client: ClientConnection) {}
}
