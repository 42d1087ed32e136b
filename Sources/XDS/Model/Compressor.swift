/// Compression of responses in the gzip format.
///
/// Source: Envoy's compressor filter with the gzip library; its defaults are ours.
public struct Compressor: Hashable, Sendable {
    public static let standardContentTypes = [
        "application/javascript", "application/json", "application/xhtml+xml", "image/svg+xml", "text/css", "text/html",
        "text/plain", "text/xml",
    ]

    /// Media types without parameters, lower case.
    public var contentTypes: [String] = Compressor.standardContentTypes
    /// Shorter content is left alone, as far as its length is known from the head.
    public var contentBytesMin: UInt32 = 30
    /// Responses with a validator are left alone.
    public var skipsETags: Bool = false
    public var uncompressibleStatuses: [UInt32] = []
    /// 1 (fastest) to 9 (smallest); nil is zlib's own choice.
    public var level: UInt32? = nil
    /// Two to this power bytes are searched for repetitions: 9 to 15.
    public var windowBits: UInt32 = 12
    /// 1 to 9.
    public var memoryLevel: UInt32 = 5

    public init() {}
}
