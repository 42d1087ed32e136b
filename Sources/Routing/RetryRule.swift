internal import Base
public import HTTP

/// When a request may be sent again, and how long to wait before.
///
/// Source: route.v3.RetryPolicy and Envoy's `x-envoy-retry-on` values. Whether the body can still be replayed is the
/// exchange's business, not this rule's.
public final class RetryRule: Sendable {
    /// The words of `retry_on`.
    public struct Conditions: OptionSet, Hashable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// Any 5xx answer, or no answer at all (disconnect, reset, read timeout).
        public static let serverError = Self(rawValue: 1 << 0)
        /// 502, 503 or 504.
        public static let gatewayError = Self(rawValue: 1 << 1)
        /// The upstream gave no answer at all.
        public static let reset = Self(rawValue: 1 << 2)
        /// As `reset`, provided no request bytes had been sent.
        public static let resetBeforeRequest = Self(rawValue: 1 << 3)
        /// The connection could not be made.
        public static let connectFailure = Self(rawValue: 1 << 4)
        /// The answer carries `x-envoy-ratelimited`.
        public static let rateLimited = Self(rawValue: 1 << 5)
        /// 409.
        public static let retriable4xx = Self(rawValue: 1 << 6)
        /// The upstream reset the stream with REFUSED_STREAM.
        public static let refusedStream = Self(rawValue: 1 << 7)
        /// One of `statuses`.
        public static let statusCodes = Self(rawValue: 1 << 8)
        /// One of `retriable_headers` matches the answer.
        public static let headers = Self(rawValue: 1 << 9)
        public static let grpcCancelled = Self(rawValue: 1 << 10)
        public static let grpcDeadlineExceeded = Self(rawValue: 1 << 11)
        public static let grpcInternal = Self(rawValue: 1 << 12)
        public static let grpcResourceExhausted = Self(rawValue: 1 << 13)
        public static let grpcUnavailable = Self(rawValue: 1 << 14)

        static let byWord: [String: Conditions] = [
            "5xx": .serverError, "gateway-error": .gatewayError, "reset": .reset,
            "reset-before-request": .resetBeforeRequest, "connect-failure": .connectFailure,
            "envoy-ratelimited": .rateLimited, "retriable-4xx": .retriable4xx, "refused-stream": .refusedStream,
            "retriable-status-codes": .statusCodes, "retriable-headers": .headers, "cancelled": .grpcCancelled,
            "deadline-exceeded": .grpcDeadlineExceeded, "internal": .grpcInternal,
            "resource-exhausted": .grpcResourceExhausted, "unavailable": .grpcUnavailable,
        ]

        /// Reads a comma-separated list. Words Envoy does not know are skipped, as it does.
        public init(parsing text: String) {
            // One word is the rule: the model of a policy holds them apart.
            if let condition = Self.byWord[text] {
                self = condition
                return
            }
            self = []
            for word in text.split(separator: ",") {
                let trimmed = word.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
                if let condition = Self.byWord[String(trimmed)] { formUnion(condition) }
            }
        }
    }

    /// How an attempt ended without a response head.
    public enum Failure: Sendable {
        case connect
        /// REFUSED_STREAM, or closed before anything of the request was sent on a reused connection.
        case refused
        case reset(anyRequestByteSent: Bool)
        /// `per_try_timeout` ran out.
        case timedOut
        /// The circuit breaker or the pool refused: never retried on this condition list.
        case overflow
    }

    public let conditions: Conditions
    /// Attempts after the first; 0 switches retries off.
    public let retriesMax: Int
    /// One attempt; `.zero` means the route's timeout.
    public let perTryTimeout: Duration
    public let perTryIdleTimeout: Duration
    public let statuses: [UInt32]
    public let backoffBase: Duration
    public let backoffMax: Duration
    /// How often to pick again when the pick is a host that was tried already (`host_selection_retry_max_attempts`).
    public let hostPicksMax: Int
    /// A `previous_hosts` predicate is configured.
    public let avoidsPreviousHosts: Bool
    /// Priorities that were tried are left out, and counted anew after so many attempts; 0: they are not.
    public let prioritiesUpdateFrequency: Int
    /// A broken connection is reason enough for requests whose method is idempotent, whatever was sent.
    public let repeatsIdempotent: Bool
    let responseHeaders: [HeaderRule]

    init(
        conditions: Conditions,
        retriesMax: Int,
        perTryTimeout: Duration = .zero,
        perTryIdleTimeout: Duration = .zero,
        statuses: [UInt32] = [],
        responseHeaders: [HeaderRule] = [],
        backoffBase: Duration = .milliseconds(25),
        backoffMax: Duration? = nil,
        hostPicksMax: Int = 1,
        avoidsPreviousHosts: Bool = false,
        prioritiesUpdateFrequency: Int = 0,
        repeatsIdempotent: Bool = false
    ) {
        self.conditions = conditions
        self.retriesMax = retriesMax
        self.perTryTimeout = perTryTimeout
        self.perTryIdleTimeout = perTryIdleTimeout
        self.statuses = statuses
        self.backoffBase = backoffBase
        self.backoffMax = backoffMax ?? backoffBase * 10
        self.hostPicksMax = hostPicksMax
        self.avoidsPreviousHosts = avoidsPreviousHosts
        self.prioritiesUpdateFrequency = prioritiesUpdateFrequency
        self.repeatsIdempotent = repeatsIdempotent
        self.responseHeaders = responseHeaders
    }

    /// May an attempt that ended in `failure` be repeated?
    ///
    /// - Parameter isIdempotent: the request's method is (RFC 9110 §9.2.2).
    public func allows(_ failure: Failure, isIdempotent: Bool) -> Bool {
        if allows(failure) { return true }
        guard repeatsIdempotent, isIdempotent else { return false }
        switch failure {
        case .connect, .refused, .reset: return true
        case .timedOut, .overflow: return false
        }
    }

    public func allows(_ failure: Failure) -> Bool {
        switch failure {
        case .connect: !conditions.isDisjoint(with: [.connectFailure, .serverError, .gatewayError, .reset])
        case .refused: !conditions.isDisjoint(with: [.refusedStream, .serverError, .reset])
        case .reset(let sent):
            !conditions.isDisjoint(with: [.serverError, .gatewayError, .reset])
                || (!sent && conditions.contains(.resetBeforeRequest))
        case .timedOut: !conditions.isDisjoint(with: [.serverError, .gatewayError, .reset])
        case .overflow: false
        }
    }

    /// May an attempt that was answered with `response` be repeated?
    ///
    /// `grpc-status` counts when it is in the head (a response without body); in trailers it comes too late.
    public func allows(_ response: MessageHead) -> Bool {
        let status = Int(response.status)
        if response.value(named: UnsafeRawBufferPointer("x-envoy-ratelimited")) != nil {
            return conditions.contains(.rateLimited)
        }
        if let text = response.value(.grpcStatus), let code = text.decimal, allows(grpcStatus: code) { return true }
        if conditions.contains(.headers), responseHeaders.contains(where: { $0.matches(response) }) { return true }
        if conditions.contains(.serverError), status >= 500, status < 600 { return true }
        if conditions.contains(.gatewayError), status >= 502, status <= 504 { return true }
        if conditions.contains(.retriable4xx), status == 409 { return true }
        return conditions.contains(.statusCodes) && status > 0 && statuses.contains(UInt32(truncatingIfNeeded: status))
    }

    private func allows(grpcStatus: Int64) -> Bool {
        switch grpcStatus {
        case 1: conditions.contains(.grpcCancelled)
        case 4: conditions.contains(.grpcDeadlineExceeded)
        case 8: conditions.contains(.grpcResourceExhausted)
        case 13: conditions.contains(.grpcInternal)
        case 14: conditions.contains(.grpcUnavailable)
        default: false
        }
    }

    /// How long to wait before retry number `retry` (1 is the first): full jitter below `(2^retry − 1) × base`, capped.
    public func backoff(retry: Int, random: UInt64) -> Duration {
        let base = max(1, backoffBase.wholeNanoseconds)
        let factor = Int64(1) << Int64(max(1, min(retry, 30)))
        let (bound, overflow) = base.multipliedReportingOverflow(by: factor - 1)
        let limit = min(overflow ? .max : bound, max(1, backoffMax.wholeNanoseconds))
        return .nanoseconds(Int64(random % UInt64(limit)))
    }
}
