internal import Base
internal import Crypto
public import Serving

/// Puts the admin API on `Serving`'s server: the handler for one of its doors.
public struct AdminService: Sendable {
    private let router: AdminRouter
    private let door: AdminRequest.Door

    public init(_ router: AdminRouter, door: AdminRequest.Door) {
        self.router = router
        self.door = door
    }

    /// Answers one request. Give it to `HTTPServer.init(handler:)`.
    public func handle(_ request: HTTPRequest) async -> HTTPResponse {
        var body: [UInt8] = []
        var isBodyTooLarge = false
        do throws(BodyError) {
            body = try await request.body.collect(upTo: AdminRequest.bodyBytesMax)
        } catch {
            switch error {
            case .tooLarge: isBodyTooLarge = true
            case .cutOff: return HTTPResponse(status: 400)
            }
        }
        var headers = request.headers.map { (name: $0.name, value: $0.value) }
        if !request.authority.isEmpty, request.headers["host"] == nil { headers.append(("host", request.authority)) }
        let response = await router.handle(
            AdminRequest(
                method: request.method,
                path: request.path,
                query: request.query ?? "",
                headers: headers,
                body: body,
                isBodyTooLarge: isBodyTooLarge,
                door: door,
                peerAddress: request.peer.address.map { "\($0.address)" } ?? "",
                clientCertificate: request.peer.certificate.map { certificate in
                    .init(commonName: certificate.commonName ?? "", organizations: certificate.organizations)
                }
            )
        )
        return Self.response(response)
    }

    private static func response(_ response: AdminResponse) -> HTTPResponse {
        let headers = Headers(response.headers.map { ($0.name, $0.value) })
        switch response.body {
        case .bytes(let bytes):
            return HTTPResponse(status: response.status, headers: headers, content: .bytes(bytes))
        case .stream(let pieces):
            return HTTPResponse(
                status: response.status,
                headers: headers,
                content: .stream { writer in
                    for await piece in pieces { try await writer.write(piece) }
                }
            )
        }
    }
}
