internal import Base

extension GRPCServer {
    /// A handler for `HTTPServer` that serves gRPC requests itself and hands everything else on.
    public func handler(
        otherwise rest: @escaping HTTPServer.Handler = { _ in HTTPResponse(status: 404, text: "not found\n") }
    ) -> HTTPServer.Handler {
        { request in
            let type = request.headers["content-type"] ?? ""
            let isGRPC =
                type == "application/grpc" || type.hasPrefix("application/grpc+") || type.hasPrefix("application/grpc;")
            return isGRPC ? self.answer(request) : await rest(request)
        }
    }

    private func answer(_ request: HTTPRequest) -> HTTPResponse {
        guard request.version == .http2, request.method == "POST" else {
            return HTTPResponse(status: 415, text: "gRPC needs HTTP/2 and POST\n")
        }
        guard let method = methods[request.path] else {
            return Self.trailersOnly(GRPCStatus(.unimplemented, "no method \(request.path)"))
        }
        var deadline: MonotonicTime?
        if let text = request.headers["grpc-timeout"] {
            guard let timeout = GRPCTimeout.parse(text) else {
                return Self.trailersOnly(GRPCStatus(.invalidArgument, "malformed grpc-timeout"))
            }
            deadline = MonotonicTime.now().advanced(by: timeout)
        }
        let call = GRPCCall(
            path: request.path,
            metadata: Self.metadata(request.headers),
            peer: request.peer,
            deadline: deadline
        )
        let messages = GRPCMessages(body: request.body, bytesMax: messageBytesMax)
        return HTTPResponse(
            status: 200,
            headers: ["content-type": "application/grpc"],
            content: .stream { writer in
                let status = await Self.run(method, call, messages, GRPCWriter(writer.outlet))
                writer.finish(trailers: Self.trailers(status))
            }
        )
    }

    /// Runs the method, and beside it the deadline.
    private static func run(
        _ method: @escaping Bidirectional,
        _ call: GRPCCall,
        _ messages: GRPCMessages,
        _ writer: GRPCWriter
    ) async -> GRPCStatus {
        guard let deadline = call.deadline else { return await status(of: method, call, messages, writer) }
        return await withTaskGroup(of: GRPCStatus?.self) { group in
            group.addTask { await status(of: method, call, messages, writer) }
            group.addTask {
                do {
                    try await Task.sleep(for: deadline.since(.now()))
                    return GRPCStatus(.deadlineExceeded, "the deadline passed")
                } catch {
                    return nil
                }
            }
            var first: GRPCStatus?
            while first == nil, let next = await group.next() { first = next }
            group.cancelAll()
            return first ?? GRPCStatus(.cancelled)
        }
    }

    private static func status(
        of method: Bidirectional,
        _ call: GRPCCall,
        _ messages: GRPCMessages,
        _ writer: GRPCWriter
    ) async -> GRPCStatus {
        do {
            try await method(call, messages, writer)
            return GRPCStatus(.ok)
        } catch let status as GRPCStatus {
            return status
        } catch is CancellationError {
            return GRPCStatus(.cancelled)
        } catch {
            // The text of an unforeseen error may hold secrets; the caller gets none of it.
            return GRPCStatus(.unknown, "the method failed")
        }
    }

    static func trailers(_ status: GRPCStatus) -> Headers {
        var trailers = status.metadata
        trailers["grpc-status"] = String(status.code.rawValue)
        if !status.message.isEmpty { trailers["grpc-message"] = GRPCStatus.percentEncode(status.message) }
        return trailers
    }

    private static func trailersOnly(_ status: GRPCStatus) -> HTTPResponse {
        var headers = trailers(status)
        headers["content-type"] = "application/grpc"
        return HTTPResponse(status: 200, headers: headers)
    }

    private static func metadata(_ headers: Headers) -> Headers {
        let own: Set<String> = ["content-type", "te", "grpc-timeout", "grpc-encoding", "grpc-accept-encoding"]
        return Headers(headers.fields.filter { !own.contains($0.name) }.map { ($0.name, $0.value) })
    }
}

/// `grpc-timeout`: at most eight digits and a unit.
enum GRPCTimeout {
    static func parse(_ text: String) -> Duration? {
        guard let unit = text.last, let amount = Int64(text.dropLast()), amount >= 0, text.utf8.count <= 9 else {
            return nil
        }
        switch unit {
        case "H": return .seconds(amount * 3600)
        case "M": return .seconds(amount * 60)
        case "S": return .seconds(amount)
        case "m": return .milliseconds(amount)
        case "u": return .microseconds(amount)
        case "n": return .nanoseconds(amount)
        default: return nil
        }
    }

    /// In the finest unit that fits into eight digits.
    static func format(_ duration: Duration) -> String {
        let nanoseconds = max(duration.wholeNanoseconds, 1)
        for (unit, size) in [("n", 1), ("u", 1000), ("m", 1_000_000), ("S", 1_000_000_000)] as [(String, Int64)] {
            let amount = (nanoseconds - 1) / size + 1
            if amount < 100_000_000 { return "\(amount)\(unit)" }
        }
        return "\(min(nanoseconds / 3_600_000_000_000, 99_999_999))H"
    }
}

extension GRPCStatus {
    /// `grpc-message`: UTF-8 with everything but printable ASCII, and `%`, as `%XX`.
    static func percentEncode(_ text: String) -> String {
        var encoded: [UInt8] = []
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in text.utf8 {
            if byte >= 0x20, byte < 0x7F, byte != UInt8(ascii: "%") {
                encoded.append(byte)
            } else {
                encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    /// Malformed escapes stay as they are.
    static func percentDecode(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var decoded: [UInt8] = []
        var at = 0
        while at < bytes.count {
            if bytes[at] == UInt8(ascii: "%"), at + 2 < bytes.count,
                let value = UInt8(String(decoding: bytes[(at + 1)...(at + 2)], as: UTF8.self), radix: 16)
            {
                decoded.append(value)
                at += 3
            } else {
                decoded.append(bytes[at])
                at += 1
            }
        }
        return String(decoding: decoded, as: UTF8.self)
    }

    /// The status a response says, from its trailers, or from its head alone.
    static func read(_ trailers: Headers, head: Headers, httpStatus: Int) -> GRPCStatus {
        let fields = trailers["grpc-status"] != nil ? trailers : head
        guard let text = fields["grpc-status"], let number = Int(text) else {
            return GRPCStatus(code(ofHTTP: httpStatus), "HTTP status \(httpStatus) without grpc-status")
        }
        let message = fields["grpc-message"].map(percentDecode) ?? ""
        let own: Set<String> = ["grpc-status", "grpc-message", "content-type", "date", "content-length"]
        let metadata = Headers(fields.fields.filter { !own.contains($0.name) }.map { ($0.name, $0.value) })
        return GRPCStatus(GRPCCode(rawValue: number) ?? .unknown, message, metadata: metadata)
    }

    /// gRPC's "HTTP to gRPC Status Code Mapping".
    private static func code(ofHTTP status: Int) -> GRPCCode {
        switch status {
        case 400: .internal
        case 401: .unauthenticated
        case 403: .permissionDenied
        case 404: .unimplemented
        case 429, 502, 503, 504: .unavailable
        default: .unknown
        }
    }
}
