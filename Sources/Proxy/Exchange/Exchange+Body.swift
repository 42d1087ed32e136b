internal import Base
internal import HTTP
internal import Routing
internal import Telemetry
internal import Transport
internal import Upstream

// The downstream's side: its body, its end, its patience.
extension Exchange {
    func downstreamSends(_ bytes: UnsafeRawBufferPointer) {
        lastActivity = worker.loop.now.nanoseconds
        if let web {
            if !web.received(bytes, { requestBrings($0) }) { refuseGRPCWeb() }
        } else {
            requestBrings(bytes)
        }
    }

    private func requestBrings(_ bytes: UnsafeRawBufferPointer) {
        bytesReceived &+= UInt64(bytes.count)
        if let tunnel {
            tunnel.send(bytes)
            return
        }
        if keepsBody || upstream == nil { keep(bytes) }
        guard let upstream else { return }
        upstream.sendData(bytes, endStream: false)
        if !upstream.isWritable { pauseReading() }
    }

    private func keep(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        if body.count + bytes.count > Self.replayBytesMax {
            if upstream != nil {
                keepsBody = false
                body.release()
                return
            }
            keepsBody = false
            pauseReading()
        }
        body.append(start.assumingMemoryBound(to: UInt8.self), bytes.count)
    }

    func pauseReading() {
        guard !isReadingPaused else { return }
        isReadingPaused = true
        stream?.pauseReading()
    }

    func resumeReading() {
        guard isReadingPaused else { return }
        isReadingPaused = false
        stream?.resumeReading()
    }

    func downstreamTrails(_ fields: MessageHead) {
        if let upstream, tunnel == nil {
            if keepsBody { trailers = fields.copy() }
            isRequestComplete = true
            upstream.sendTrailers(fields)
        } else {
            trailers = fields.copy()
        }
    }

    func downstreamEnds() {
        if let web, !web.mayRequestEnd {
            refuseGRPCWeb()
            return
        }
        let wasComplete = isRequestComplete
        isRequestComplete = true
        lastActivity = worker.loop.now.nanoseconds
        if let tunnel {
            tunnel.end()
            return
        }
        if phase == .tunneling {
            upstream?.end()
            return
        }
        // Trailers have ended the upstream's request already.
        if let upstream, !wasComplete { upstream.end() }
        if forward?.mirrors.isEmpty == false { mirror() }
        startResponseDeadlines()
        armClock()
    }

    func downstreamFails(_ failure: StreamFailure) {
        downstream?.listener.statistics.pointee.requestsReset &+= 1
        switch failure {
        case .malformed:
            flags.insert(.downstreamProtocol)
            details = "http_protocol_error"
        case .timedOut:
            flags.insert(.streamIdle)
            details = "downstream_too_slow"
        case .refused, .reset, .connectionClosed:
            flags.insert(.downstreamGone)
            details = "downstream_remote_disconnect"
        }
        finish()
    }

    /// The downstream takes bytes again: so may the upstream send.
    func downstreamIsWritable() {
        tunnel?.resume()
        guard isUpstreamPaused else { return }
        isUpstreamPaused = false
        upstream?.resumeReading()
    }
}
