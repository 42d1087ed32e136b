internal import Base

/// What `HTTPClient` owns: the reactor thread and its connections.
final class ClientCore: Sendable {
    init(_ target: ClientTarget, _ options: HTTPClient.Options) throws(ClientError) {}
    func close() {}
    func send(
        _ method: String,
        _ path: String,
        _ headers: Headers,
        _ body: [UInt8],
        _ timeout: Duration?
    ) async throws(ClientError) -> HTTPClient.Response {
        throw .closed
    }
    func openCall(
        _ path: String,
        _ metadata: Headers,
        _ timeout: Duration?,
        _ bytesMax: Int
    ) async throws(GRPCStatus) -> GRPCStream {
        throw GRPCStatus(.unavailable)
    }
}

/// One request of a client and its response.
final class ClientExchange: Sendable {
    let outlet: Outlet
    init(_ outlet: Outlet) { self.outlet = outlet }
    func cancel() {}
}

/// Messages of one call, taken by one task.
final class GRPCInbox: Sendable {
    init(_ exchange: ClientExchange, bytesMax: Int) {}
    func next() async throws(GRPCStatus) -> [UInt8]? { nil }
}
