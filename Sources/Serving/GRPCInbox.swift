internal import HTTP
internal import Synchronization

/// Messages of one call and how it ended, taken by one task.
final class GRPCInbox: Sendable {
    private let exchange: ClientExchange
    private let deframer: Mutex<Deframer>

    init(_ exchange: ClientExchange, bytesMax: Int) {
        self.exchange = exchange
        deframer = Mutex(Deframer(bytesMax: bytesMax))
    }

    /// The next message; nil when the call ended with OK.
    /// - Throws: how it ended otherwise.
    func next() async throws(GRPCStatus) -> [UInt8]? {
        while true {
            do throws(GRPCStatus) {
                if let message = try take() { return message }
            } catch {
                exchange.cancel()
                throw error
            }
            let piece: [UInt8]?
            do throws(BodyError) {
                piece = try await exchange.inlet.next()
            } catch {
                throw cutStatus()
            }
            guard let piece else {
                try finish()
                return nil
            }
            if let head = exchange.head, !Self.isGRPC(head) {
                exchange.cancel()
                throw GRPCStatus.read([:], head: head.headers, httpStatus: head.status)
            }
            deframer.withLock { $0.append(piece) }
        }
    }

    private func take() throws(GRPCStatus) -> [UInt8]? {
        try deframer.withLock { (deframer) throws(GRPCStatus) in try deframer.next() }
    }

    /// A proxy's error page is no stream of messages.
    private static func isGRPC(_ head: ClientExchange.Head) -> Bool {
        head.status == 200 && (head.headers["content-type"] ?? "").hasPrefix("application/grpc")
    }

    private func finish() throws(GRPCStatus) {
        guard let head = exchange.head else { throw GRPCStatus(.internal, "no response head") }
        let status = GRPCStatus.read(exchange.inlet.trailers, head: head.headers, httpStatus: head.status)
        guard status.code == .ok else { throw status }
        try deframer.withLock { (deframer) throws(GRPCStatus) in try deframer.finish() }
    }

    /// gRPC's "Errors" table for streams that were reset.
    private func cutStatus() -> GRPCStatus {
        switch exchange.resetCode {
        case .refusedStream?: GRPCStatus(.unavailable, "the server refused the stream")
        case .cancel?: GRPCStatus(.cancelled, "the server cancelled the stream")
        case .enhanceYourCalm?: GRPCStatus(.resourceExhausted, "the server asked for fewer requests")
        case .some: GRPCStatus(.internal, "the stream was reset")
        // Without any failure it was this task that was cancelled.
        case nil: GRPCStatus(exchange.failure ?? .cancelled)
        }
    }
}
