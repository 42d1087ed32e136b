internal import Base
internal import HTTP
internal import Routing

/// One call of a gRPC-Web client to a gRPC upstream.
///
/// Source: Envoy's `grpc_web` filter: the request becomes plain gRPC before it is routed on, and the response's
/// trailers become the last frame of its body.
final class GRPCWebBridge {
    private let answerForm: GRPCWeb.Form
    private let isTextRequest: Bool
    private var reader = Base64Reader()
    private var writer = Base64FrameWriter()
    private var buffer: [UInt8] = []
    /// The response is gRPC: what comes is translated.
    private var isTranslating = false

    /// Nil when the request is no gRPC-Web.
    init?(_ head: MessageHead) {
        guard let (form, _) = GRPCWeb.form(head.value(.contentType)) else { return nil }
        isTextRequest = form == .text
        answerForm = GRPCWeb.form(head.value(.accept))?.form ?? form
    }

    /// Makes the request one of gRPC.
    func translate(_ head: MessageHead) {
        guard let (_, suffix) = GRPCWeb.form(head.value(.contentType)) else { return }
        buffer.removeAll(keepingCapacity: true)
        buffer += "application/grpc".utf8
        buffer += suffix
        buffer.withUnsafeBytes { _ = head.set(.contentType, $0) }
        head.remove(.contentLength)
        head.set(.te, UnsafeRawBufferPointer("trailers"))
        let encodings = UnsafeRawBufferPointer("grpc-accept-encoding")
        if head.value(named: encodings) == nil { head.append(encodings, UnsafeRawBufferPointer("identity")) }
    }

    // MARK: The request's body

    /// Calls `body` with the gRPC frames that the client's bytes stand for. False when they are no base64.
    func received(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) -> Bool {
        guard isTextRequest else {
            body(bytes)
            return true
        }
        buffer.removeAll(keepingCapacity: true)
        guard reader.read(bytes, into: &buffer) else { return false }
        buffer.withUnsafeBytes { if $0.count > 0 { body($0) } }
        return true
    }

    var mayRequestEnd: Bool { reader.isAtBoundary }

    // MARK: The response

    /// Gives a gRPC response the type that its client asked for; leaves any other as it is.
    func answer(_ head: MessageHead) {
        guard let suffix = GRPCWeb.grpcSuffix(head.value(.contentType)) else { return }
        isTranslating = true
        buffer.removeAll(keepingCapacity: true)
        buffer += (answerForm == .text ? "application/grpc-web-text" : "application/grpc-web").utf8
        if suffix.isEmpty { buffer += "+proto".utf8 } else { buffer += suffix }
        buffer.withUnsafeBytes { _ = head.set(.contentType, $0) }
        head.remove(.contentLength)
    }

    /// Calls `body` with what stands for gRPC frames in the client's form.
    func sends(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
        guard isTranslating, answerForm == .text else {
            body(bytes)
            return
        }
        buffer.removeAll(keepingCapacity: true)
        writer.write(bytes, into: &buffer)
        buffer.withUnsafeBytes { if $0.count > 0 { body($0) } }
    }

    /// Calls `body` with the frame that ends the response; false when its trailers are trailers.
    func trails(_ trailers: MessageHead, _ body: (UnsafeRawBufferPointer) -> Void) -> Bool {
        guard isTranslating else { return false }
        buffer.removeAll(keepingCapacity: true)
        var frame: [UInt8] = []
        GRPCWeb.appendTrailers(trailers, to: &frame)
        if answerForm == .text {
            writer.finish(into: &buffer)
            frame.withUnsafeBytes { writer.write($0, into: &buffer) }
            writer.finish(into: &buffer)
        } else {
            buffer = frame
        }
        buffer.withUnsafeBytes { body($0) }
        return true
    }

    /// Calls `body` with what still waits when a response ends without trailers.
    func ends(_ body: (UnsafeRawBufferPointer) -> Void) {
        guard isTranslating, answerForm == .text else { return }
        buffer.removeAll(keepingCapacity: true)
        writer.finish(into: &buffer)
        buffer.withUnsafeBytes { if $0.count > 0 { body($0) } }
    }
}

extension Exchange {
    /// Notes a gRPC-Web call, before it is known which route it takes. False when it is none.
    func noteGRPCWeb(_ head: MessageHead, _ http: HTTPPlan) -> Bool {
        guard let step = http.grpcWeb, !step.isOff, let bridge = GRPCWebBridge(head) else { return false }
        web = bridge
        return true
    }

    /// The route is known: translates, unless the route turns the filter off.
    func bridgeGRPCWeb(_ head: MessageHead, _ change: RouteFilters.Change?) {
        guard let web else { return }
        if case .disabled? = change {
            self.web = nil
            isGRPC = false
            return
        }
        web.translate(head)
        requestDeadline = .max
    }

    func refuseGRPCWeb() {
        reply(400, "Bad gRPC-web request, invalid base64 data.", details: "grpc_base_64_decode_failed", flags: [])
    }
}
