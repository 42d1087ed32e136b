public import Base
public import HTTP
public import XDS

/// Delay and abort injection for one route or listener, decided per request.
///
/// Source: envoy.extensions.filters.http.fault.v3.HTTPFault. The delay is served first, then the abort is decided; the
/// two draws are independent. A fault without percentage never happens (Envoy), which translation takes care of.
public final class FaultRule: Sendable {
    public enum Abort: Equatable, Sendable {
        case status(Int)
        /// Answered as HTTP 200 with `grpc-status`.
        case grpc(status: Int)
    }

    /// What to do with one request.
    public struct Decision: Equatable, Sendable {
        public var delay: Duration?
        public var abort: Abort?

        public static let none = Decision(delay: nil, abort: nil)
    }

    let delay: (length: Duration, share: Fraction)?
    let abort: (answer: Abort, share: Fraction)?
    /// Only requests that match all of these take part.
    let headers: [HeaderRule]
    /// Faults running at once on this worker beyond which no more are started; nil is no limit.
    public let activeFaultsMax: UInt32?

    /// - Throws: a header pattern that is not RE2 syntax, or an abort status outside 200...599.
    public init(compiling fault: Fault) throws(CompileError) {
        delay = fault.delay.map { ($0.duration, $0.share) }
        switch fault.abort?.answer {
        case .http(let status):
            guard (200...599).contains(status) else {
                throw CompileError(path: "abort.http_status", message: "\(status) is not between 200 and 599")
            }
            abort = (.status(Int(status)), fault.abort?.share ?? .never)
        case .grpc(let status): abort = (.grpc(status: Int(status)), fault.abort?.share ?? .never)
        case nil: abort = nil
        }
        headers = try HeaderRule.compile(fault.headers)
        activeFaultsMax = fault.activeFaultsMax
    }

    /// Draws for one request; `.none` when its headers do not take part.
    public func decide(_ head: MessageHead, random: inout SeededGenerator) -> Decision {
        var index = 0
        while index < headers.count {
            guard headers[index].matches(head) else { return .none }
            index &+= 1
        }
        var decision = Decision.none
        if let delay, delay.share.holds(random: random.next()), delay.length > .zero { decision.delay = delay.length }
        if let abort, abort.share.holds(random: random.next()) { decision.abort = abort.answer }
        return decision
    }
}
