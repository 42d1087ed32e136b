/// The canonical codes of gRPC.
public enum GRPCCode: Int, Sendable {
    case ok = 0
    case cancelled, unknown, invalidArgument, deadlineExceeded, notFound, alreadyExists, permissionDenied
    case resourceExhausted, failedPrecondition, aborted, outOfRange, unimplemented, `internal`, unavailable, dataLoss
    case unauthenticated
}

/// How a call ended. Throw it from a handler; the client side throws it too.
public struct GRPCStatus: Error, Equatable, Sendable {
    public var code: GRPCCode
    public var message: String
    /// Trailing metadata.
    public var metadata: Headers

    public init(_ code: GRPCCode, _ message: String = "", metadata: Headers = [:]) {
        self.code = code
        self.message = message
        self.metadata = metadata
    }
}
