internal import Base

/// The outcome of a gRPC call (grpc.io, "Status codes and their use in gRPC").
public enum GRPCCode: UInt8, Sendable, CaseIterable {
    case ok = 0
    case cancelled = 1
    case unknown = 2
    case invalidArgument = 3
    case deadlineExceeded = 4
    case notFound = 5
    case alreadyExists = 6
    case permissionDenied = 7
    case resourceExhausted = 8
    case failedPrecondition = 9
    case aborted = 10
    case outOfRange = 11
    case unimplemented = 12
    case internalError = 13
    case unavailable = 14
    case dataLoss = 15
    case unauthenticated = 16

    /// What a call without `grpc-status` came to (grpc.io, "HTTP to gRPC status code mapping").
    public init(httpStatus: UInt16) {
        switch httpStatus {
        case 400: self = .internalError
        case 401: self = .unauthenticated
        case 403: self = .permissionDenied
        case 404: self = .unimplemented
        case 429, 502, 503, 504: self = .unavailable
        default: self = .unknown
        }
    }

    /// What a stream that was reset came to (grpc.io, "gRPC over HTTP2", Errors).
    public init(_ failure: StreamFailure) {
        switch failure {
        case .refused, .connectionClosed: self = .unavailable
        case .timedOut: self = .deadlineExceeded
        case .malformed: self = .internalError
        case .reset(let code):
            switch code {
            case .cancel: self = .cancelled
            case .refusedStream: self = .unavailable
            case .enhanceYourCalm: self = .resourceExhausted
            default: self = .internalError
            }
        }
    }
}

extension MessageHead {
    /// The request is a gRPC call: its content type is `application/grpc`, alone or with a suffix.
    public var isGRPC: Bool {
        guard let type = value(.contentType) else { return false }
        let prefix = UnsafeRawBufferPointer("application/grpc")
        guard type.count >= prefix.count, type.prefix(prefix.count).elementsEqual(prefix) else { return false }
        guard type.count > prefix.count else { return true }
        let next = type[prefix.count]
        return next == 0x2B || next == 0x3B || next == 0x20
    }

    /// `grpc-status` of trailers or of a response without content; nil when absent or no code.
    public var grpcCode: GRPCCode? {
        guard let text = value(.grpcStatus), let number = MessageHead.decimal(text), number <= 16 else { return nil }
        return GRPCCode(rawValue: UInt8(number))
    }

    /// `grpc-message`, percent-decoded.
    public var grpcMessage: String? { value(.grpcMessage).map(MessageHead.percentDecoded) }

    /// Sets `grpc-status`, and `grpc-message` unless the text is empty.
    public func setGRPCStatus(_ code: GRPCCode, message: String = "") {
        set("grpc-status", String(code.rawValue))
        if !message.isEmpty { set("grpc-message", MessageHead.percentEncoded(message)) }
    }

    /// `grpc-timeout`: at most eight digits and a unit; nil when absent or malformed.
    public var grpcTimeout: Duration? {
        guard let text = value(.grpcTimeout), text.count >= 2, text.count <= 9 else { return nil }
        let digits = UnsafeRawBufferPointer(rebasing: text[..<(text.count - 1)])
        guard let number = MessageHead.decimal(digits), let amount = Int64(exactly: number) else { return nil }
        switch text[text.count - 1] {
        case 0x48: return .seconds(amount * 3600)
        case 0x4D: return .seconds(amount * 60)
        case 0x53: return .seconds(amount)
        case 0x6D: return .milliseconds(amount)
        case 0x75: return .microseconds(amount)
        case 0x6E: return .nanoseconds(amount)
        default: return nil
        }
    }

    /// Percent-encoding of `grpc-message`: printable ASCII but `%` stays.
    static func percentEncoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var out: [UInt8] = []
        for b in text.utf8 {
            if b >= 0x20 && b <= 0x7E && b != 0x25 {
                out.append(b)
            } else {
                out += [0x25, digits[Int(b >> 4)], digits[Int(b & 15)]]
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// Wrong escapes stay as they are: an error text is better shown damaged than not at all.
    static func percentDecoded(_ bytes: UnsafeRawBufferPointer) -> String {
        var out: [UInt8] = []
        var i = 0
        while i < bytes.count {
            if bytes[i] == 0x25, i + 2 < bytes.count, let high = hex(bytes[i + 1]), let low = hex(bytes[i + 2]) {
                out.append(high << 4 | low)
                i += 3
            } else {
                out.append(bytes[i])
                i += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func hex(_ b: UInt8) -> UInt8? {
        switch b {
        case 0x30...0x39: b - 0x30
        case 0x41...0x46: b - 0x37
        case 0x61...0x66: b - 0x57
        default: nil
        }
    }
}
