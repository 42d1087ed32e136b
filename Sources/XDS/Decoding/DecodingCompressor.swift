internal import SwiftProtobuf

private typealias GzipMessage = Envoy_Extensions_Compression_Gzip_Compressor_V3_Gzip

extension Compressor {
    /// Only responses, and only gzip.
    init(
        _ message: Envoy_Extensions_Filters_Http_Compressor_V3_Compressor,
        at path: FieldPath
    ) throws(DecodeError) {
        self.init()
        let response = message.responseDirectionConfig
        let responsePath = path.child("response_direction_config")
        try responsePath.refuseUnknown(response)
        try responsePath.refuse("remove_accept_encoding_header", if: response.removeAcceptEncodingHeader)
        let common = response.commonConfig
        try responsePath.child("common_config").refuseUnknown(common)
        if common.hasMinContentLength { contentBytesMin = max(30, common.minContentLength.value) }
        if !common.contentType.isEmpty { contentTypes = common.contentType.map { $0.lowercased() } }
        skipsETags = response.disableOnEtagHeader
        for status in response.uncompressibleResponseCodes where !(200...599).contains(status) {
            throw responsePath.child("uncompressible_response_codes").error("\(status) is not in 200...599")
        }
        uncompressibleStatuses = response.uncompressibleResponseCodes
        let library = path.child("compressor_library.typed_config")
        guard message.compressorLibrary.typedConfig.holds(GzipMessage.self) else {
            throw library.error("\(message.compressorLibrary.typedConfig.messageName) is not supported")
        }
        try apply(library.unpack(message.compressorLibrary.typedConfig, as: GzipMessage.self), at: library)
    }

    private mutating func apply(_ gzip: GzipMessage, at path: FieldPath) throws(DecodeError) {
        guard gzip.compressionLevel <= 9 else { throw path.child("compression_level").error("not in 0...9") }
        level = gzip.compressionLevel == 0 ? nil : gzip.compressionLevel
        if gzip.hasWindowBits { windowBits = gzip.windowBits.value }
        guard (9...15).contains(windowBits) else { throw path.child("window_bits").error("not in 9...15") }
        if gzip.hasMemoryLevel { memoryLevel = gzip.memoryLevel.value }
        guard (1...9).contains(memoryLevel) else { throw path.child("memory_level").error("not in 1...9") }
    }
}
