package import Base

/// The HTTP/1 codec without a connection around it: what the fuzz targets and their tests drive.
///
/// Every block handed in needs eight readable bytes behind its end, as the codec's own callers have.
package enum CodecProbe {
    /// One head as the decoder read it.
    package struct Result {
        /// Bytes of the head; 0: more are needed; negative: refused with `status`.
        package var used: Int
        package var status: UInt16
        package var isChunked: Bool
        package var isKeepAlive: Bool
        package var head: MessageHead
    }

    package enum Kind { case request, response, trailers }

    package static let headBytesMax = 16 << 10
    package static let fieldsMax = 64

    package static func parse(_ kind: Kind, _ p: BytePointer, _ count: Int) -> Result {
        let head = MessageHead()
        var parser = HTTP1HeadParser(token: ByteClass.token, headBytesMax: headBytesMax, fieldsMax: fieldsMax)
        let used =
            switch kind {
            case .request: parser.parseRequest(p, count, into: head)
            case .response: parser.parseResponse(p, count, into: head)
            case .trailers: parser.parseTrailers(p, count, into: head)
            }
        return Result(
            used: used,
            status: parser.status,
            isChunked: parser.isChunked,
            isKeepAlive: parser.isKeepAlive,
            head: head
        )
    }

    /// The head as it would be sent on, after the hop's own fields were taken out.
    package static func forward(_ kind: Kind, _ result: Result) -> [UInt8] {
        let head = result.head
        let framing: OutgoingFraming = result.isChunked ? .chunked : head.contentLength == nil ? .none : .length
        if kind != .trailers { head.removeHopByHopFields(keepingUpgrade: head.status == 101) }
        let room = head.wireBytesMax + head.authority.count
        return [UInt8](unsafeUninitializedCapacity: room) { block, count in
            guard let base = block.baseAddress else { return }
            var out = ByteWriter(base)
            switch kind {
            case .request: head.writeRequest(&out, framing: framing)
            case .response: head.writeResponse(&out, framing: framing, closes: false, keepsAlive10: false)
            case .trailers:
                head.writeLines(&out)
                out.put("\r\n")
            }
            count = out.count
        }
    }

    /// What the chunk decoder made of some bytes.
    package struct Chunks: Equatable {
        package enum End: Equatable { case needsMore, trailers, malformed }

        package var content: [UInt8] = []
        /// Bytes used, up to the one that settled it.
        package var used = 0
        package var end = End.needsMore
    }

    /// - Parameter step: how many bytes arrive at a time.
    package static func chunks(_ p: BytePointer, _ count: Int, step: Int) -> Chunks {
        var decoder = ChunkDecoder()
        var result = Chunks()
        var arrived = 0
        while arrived < count {
            let end = min(arrived + max(step, 1), count)
            while result.used < end {
                switch decoder.step(p, end, at: &result.used) {
                case .needsMore: break
                case .data(let offset, let run):
                    result.content += UnsafeBufferPointer(start: p + offset, count: run)
                case .trailers:
                    result.end = .trailers
                    return result
                case .malformed:
                    result.end = .malformed
                    return result
                }
            }
            arrived = end
        }
        return result
    }
}
