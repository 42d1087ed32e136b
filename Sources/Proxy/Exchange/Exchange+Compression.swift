internal import HTTP
internal import Routing

// Responses compressed on their way to the client.
extension Exchange {
    /// Decides from the two heads, and makes the response's head that of what will be sent.
    func startCompression(_ response: MessageHead, request: MessageHead, _ http: HTTPPlan, endStream: Bool) {
        for step in http.compressors {
            let change = (choice?.filters ?? route?.filters)?.change(for: step.name)
            switch change {
            case .enabled?: break
            case nil: if step.isOff { continue }
            default: continue
            }
            var decision = step.settings.decide(request: request, response: response, endStream: endStream)
            if decision == .compress {
                gzip = GzipEncoder(
                    level: step.settings.level,
                    windowBits: step.settings.windowBits,
                    memoryLevel: step.settings.memoryLevel
                )
                if gzip == nil { decision = .vary }
            }
            step.settings.apply(decision, to: response)
            return
        }
    }

    /// Sends content through the encoder. False when the exchange ended because the encoder failed.
    @discardableResult
    func compress(_ bytes: UnsafeRawBufferPointer, isLast: Bool, with gzip: GzipEncoder, to stream: ServerStream)
        -> Bool
    {
        let isFine = gzip.write(bytes, isLast: isLast) { piece in
            bytesSent &+= UInt64(piece.count)
            stream.sendData(piece, endStream: false)
        }
        if isLast { self.gzip = nil }
        if isFine { return true }
        self.gzip = nil
        reply(500, "", details: "compression_failed", flags: [])
        return false
    }

    /// Ends compressed content. False when the exchange ended because the encoder failed.
    func finishCompression(_ stream: ServerStream) -> Bool {
        guard let gzip else { return true }
        return compress(UnsafeRawBufferPointer(start: nil, count: 0), isLast: true, with: gzip, to: stream)
    }
}
