internal import Serving
internal import XDS

/// The first request of a stream, in either variant.
struct Opening: Sendable {
    private enum Request: Sendable {
        case world(Wire.WorldRequest)
        case delta(Wire.DeltaRequest)
    }

    let variant: StreamSession.Variant
    private let request: Request

    init(_ bytes: [UInt8], _ variant: StreamSession.Variant) throws(GRPCStatus) {
        self.variant = variant
        do {
            switch variant {
            case .stateOfTheWorld: request = .world(try Wire.worldRequest(bytes))
            case .delta: request = .delta(try Wire.deltaRequest(bytes))
            }
        } catch {
            throw GRPCStatus(.invalidArgument, "not a discovery request")
        }
    }

    var node: Node? {
        switch request {
        case .world(let request): request.node
        case .delta(let request): request.node
        }
    }

    func deliver(to connection: StreamConnection) async {
        switch request {
        case .world(let request): await connection.receive(request)
        case .delta(let request): await connection.receive(request)
        }
    }
}

/// The requests of one stream, one at a time.
///
/// `@unchecked Sendable`: the handler reads the first request before it starts the task that reads the others, and
/// itself never reads again; so two tasks use the iterator one after the other, never at once.
final class IncomingRequests: @unchecked Sendable {
    private var messages: GRPCMessages.Iterator

    init(_ requests: GRPCMessages) { messages = requests.makeAsyncIterator() }

    func next() async throws(GRPCStatus) -> [UInt8]? { try await messages.next() }

    /// Until the peer has said its last. Nil means in good order.
    func feed(_ connection: StreamConnection, _ variant: StreamSession.Variant) async -> GRPCStatus? {
        do throws(GRPCStatus) {
            while let message = try await next() {
                await (try Opening(message, variant)).deliver(to: connection)
            }
            return nil
        } catch {
            return error
        }
    }
}

/// Lets `limit` tasks do something at a time, in the order they asked.
actor Turns {
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(limit: Int) { free = max(1, limit) }

    func take() async {
        guard free == 0 else {
            free -= 1
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    func give() {
        guard waiting.isEmpty else {
            waiting.removeFirst().resume()
            return
        }
        free += 1
    }
}
