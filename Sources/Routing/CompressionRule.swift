internal import Base
public import HTTP
public import XDS

/// When a response is compressed: a compiled ``Compressor``.
///
/// Source: Envoy's compressor filter for what it asks; RFC 9110 §12.5.3 for the preferences of `Accept-Encoding`. Two
/// things differ from Envoy: a strong `ETag` is made weak instead of being removed, and a client that prefers
/// `identity` gets it.
public final class CompressionRule: Sendable {
    public enum Decision: Equatable, Sendable {
        /// Not a response of this rule.
        case leave
        /// It could be compressed, and this client did not ask for it: caches need to know.
        case vary
        case compress
    }

    public let level: Int
    public let windowBits: Int
    public let memoryLevel: Int
    private let contentTypes: [[UInt8]]
    private let contentBytesMin: UInt64
    private let skipsETags: Bool
    private let uncompressible: [UInt16]

    public init(compiling settings: Compressor) {
        level = settings.level.map { Int($0) } ?? -1
        windowBits = Int(settings.windowBits)
        memoryLevel = Int(settings.memoryLevel)
        contentTypes = settings.contentTypes.map { Array($0.utf8) }
        contentBytesMin = UInt64(settings.contentBytesMin)
        skipsETags = settings.skipsETags
        uncompressible = settings.uncompressibleStatuses.map { UInt16(truncatingIfNeeded: $0) }
    }

    /// - Parameter endStream: the response has no content.
    public func decide(request: MessageHead, response: MessageHead, endStream: Bool) -> Decision {
        let status = response.status
        if endStream || request.method == .head || request.method == .connect { return .leave }
        if status < 200 || status == 204 || status == 304 || uncompressible.contains(status) { return .leave }
        if response.has(.contentEncoding) || (skipsETags && response.has(.etag)) { return .leave }
        if let length = response.contentLength, length < contentBytesMin { return .leave }
        guard isListed(response.value(.contentType)), !Self.forbidsTransformation(response) else { return .leave }
        return Self.wantsGzip(request) ? .compress : .vary
    }

    /// Makes the head that of the compressed representation.
    public func apply(_ decision: Decision, to response: MessageHead) {
        guard decision != .leave else { return }
        Self.addVary(response)
        guard decision == .compress else { return }
        response.remove(.contentLength)
        response.set(.contentEncoding, "gzip")
        guard let etag = response.value(.etag), !etag.isEmpty, etag[0] == 0x22 else { return }
        // Same meaning, other bytes (RFC 9110 §8.8.1).
        withUnsafeTemporaryAllocation(byteCount: etag.count &+ 2, alignment: 1) { weak in
            weak[0] = 0x57
            weak[1] = 0x2F
            UnsafeMutableRawBufferPointer(rebasing: weak[2...]).copyMemory(from: etag)
            _ = response.set(.etag, UnsafeRawBufferPointer(weak))
        }
    }

    private func isListed(_ value: UnsafeRawBufferPointer?) -> Bool {
        guard let value else { return false }
        let end = value.position(of: 0x3B) ?? value.count
        let type = value.part(0, end).trimmed
        return contentTypes.contains { $0.withUnsafeBytes { type.equalsIgnoringCase($0) } }
    }

    private static func forbidsTransformation(_ response: MessageHead) -> Bool {
        guard let value = response.value(.cacheControl) else { return false }
        return value.firstOccurrence(of: UnsafeRawBufferPointer("no-transform"), ignoringCase: true) != nil
    }

    private static func addVary(_ response: MessageHead) {
        if let value = response.value(.vary) {
            let name = UnsafeRawBufferPointer("accept-encoding")
            if value.firstOccurrence(of: name, ignoringCase: true) != nil || value.trimmed.equals(star) { return }
        }
        response.append(.vary, "accept-encoding")
    }

    private static var star: UnsafeRawBufferPointer { UnsafeRawBufferPointer("*") }

    // MARK: Accept-Encoding

    /// Weights are counted in thousandths.
    private static func wantsGzip(_ request: MessageHead) -> Bool {
        var gzip: Int?
        var any: Int?
        var identity: Int?
        let name = UnsafeRawBufferPointer(KnownField.acceptEncoding.name)
        var index = request.nextIndex(of: name, from: 0)
        while let found = index {
            forEachElement(request.value(at: found)) { element in
                let end = element.position(of: 0x3B) ?? element.count
                let coding = element.part(0, end).trimmed
                let weight = Self.weight(element.dropping(end))
                if coding.equalsIgnoringCase(UnsafeRawBufferPointer("gzip"))
                    || coding.equalsIgnoringCase(UnsafeRawBufferPointer("x-gzip"))
                {
                    gzip = max(gzip ?? 0, weight)
                } else if coding.equals(star) {
                    any = weight
                } else if coding.equalsIgnoringCase(UnsafeRawBufferPointer("identity")) {
                    identity = weight
                }
            }
            index = request.nextIndex(of: name, from: found + 1)
        }
        let wanted = gzip ?? any ?? 0
        return wanted > 0 && wanted >= (identity ?? 0)
    }

    private static func forEachElement(_ list: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
        var start = 0
        while start < list.count {
            let end = list.position(of: 0x2C, from: start) ?? list.count
            let element = list.part(start, end).trimmed
            if !element.isEmpty { body(element) }
            start = end &+ 1
        }
    }

    /// `;q=0.5` in thousandths; 1000 without one, 0 when it is malformed (RFC 9110 §12.4.2).
    private static func weight(_ parameters: UnsafeRawBufferPointer) -> Int {
        guard parameters.count > 1 else { return 1000 }
        let text = parameters.dropping(1).trimmed
        guard text.count >= 3, text[0] | 0x20 == 0x71, text[1] == 0x3D else { return 1000 }
        var value = 0
        var scale = 1000
        for (position, byte) in text.dropping(2).enumerated() {
            if position == 1 {
                guard byte == 0x2E else { return 0 }
                continue
            }
            guard byte &- 48 < 10, position < 5 else { return 0 }
            value &+= Int(byte &- 48) &* scale
            scale /= 10
        }
        return min(value, 1000)
    }
}
