internal import Base
internal import CZlib

/// Compresses one message's content in the gzip format (RFC 1952), piece by piece.
///
/// Shape: one per compressed response; it holds about 32 KiB with the default settings. What `write` is given leaves
/// at once (each piece ends with a flush), so that a stream of events is never held back.
public final class GzipEncoder {
    /// Bytes handed out at a time.
    private static let pieceBytes = 4096

    /// Freed in `deinit`; never shared.
    private let stream: UnsafeMutablePointer<z_stream>

    /// Nil when memory is short: the caller sends the content as it is.
    ///
    /// - Parameter level: 1 (fastest) to 9 (smallest), -1 for zlib's own choice.
    /// - Parameter windowBits: 9 to 15, how far back repetitions are found: two to this power bytes.
    /// - Parameter memoryLevel: 1 to 9.
    public init?(level: Int, windowBits: Int = 12, memoryLevel: Int = 5) {
        guard let stream = gh_gzip_new(Int32(level), Int32(windowBits), Int32(memoryLevel)) else { return nil }
        self.stream = stream
    }

    deinit { gh_gzip_free(stream) }

    /// Compresses `bytes` and hands out whatever can be sent.
    ///
    /// - Parameter isLast: the content ends here; the encoder must not be used again.
    /// - Parameter emit: called any number of times with bytes that are valid during the call.
    /// - Returns: false when zlib failed; the message cannot be completed.
    public func write(
        _ bytes: UnsafeRawBufferPointer,
        isLast: Bool,
        emit: (UnsafeRawBufferPointer) -> Void
    ) -> Bool {
        if bytes.isEmpty && !isLast { return true }
        return withUnsafeTemporaryAllocation(byteCount: Self.pieceBytes, alignment: 1) { room in
            guard let out = room.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return false }
            // zlib reads its input only; its interface predates const.
            stream.pointee.next_in = UnsafeMutablePointer(
                mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            )
            stream.pointee.avail_in = UInt32(truncatingIfNeeded: bytes.count)
            while true {
                stream.pointee.next_out = out
                stream.pointee.avail_out = UInt32(Self.pieceBytes)
                let result = deflate(stream, isLast ? Z_FINISH : Z_SYNC_FLUSH)
                guard result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR else { return false }
                let made = Self.pieceBytes &- Int(stream.pointee.avail_out)
                if made > 0 { emit(UnsafeRawBufferPointer(start: out, count: made)) }
                // Room that was left over means that zlib has nothing more to say.
                if result == Z_STREAM_END || (!isLast && stream.pointee.avail_out > 0) { break }
                if result == Z_BUF_ERROR && made == 0 { return !isLast }
            }
            stream.pointee.next_in = nil
            return stream.pointee.avail_in == 0
        }
    }
}
