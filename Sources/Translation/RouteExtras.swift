internal import Registry
internal import Resources
internal import SwiftProtobuf
internal import XDS

/// What a RoutePolicy adds to the routes of a VirtualService.
enum RouteExtras {
    /// Source: zlib's own default.
    private static let levelStandard: UInt32 = 6
    /// About a packet: shorter content arrives no sooner when it is compressed.
    private static let bytesMinStandard: UInt32 = 1024

    /// One filter for each way to compress that a policy asks for. They are off; a route turns one on.
    static func filters(_ policies: RoutePolicies) -> [HTTPFilterMessage] {
        var names: Set<String> = []
        return policies.compressions.compactMap { compression in
            var filter = HTTPFilterMessage()
            filter.name = name(of: compression)
            filter.typedConfig = Wire.any(message(compression))
            filter.disabled = true
            return names.insert(filter.name).inserted ? filter : nil
        }
    }

    static func apply(_ extras: RoutePolicies.Effective, to message: inout RouteMessage) {
        if let compression = extras.compression, compression.enabled != false {
            var config = Envoy_Config_Route_V3_FilterConfig()
            // Present and empty: the filter is on, with its own settings.
            config.config = Google_Protobuf_Any()
            message.typedPerFilterConfig[name(of: compression)] = Wire.any(config)
        }
        guard case .route(var action)? = message.action else { return }
        for token in extras.upgrades {
            var upgrade = RouteActionMessage.UpgradeConfig()
            upgrade.upgradeType = token
            action.upgradeConfigs.append(upgrade)
        }
        message.action = .route(action)
    }

    /// Says what the filter does, so that listeners and routes agree on it whichever arrives first.
    static func name(of compression: RoutePolicySpec.Compression) -> String {
        let types = types(compression).joined(separator: ",")
        let size = compression.minBytes ?? bytesMinStandard
        return "envoy.filters.http.compressor/gzip-\(compression.level ?? levelStandard)/\(size)/\(types)"
    }

    private static func types(_ compression: RoutePolicySpec.Compression) -> [String] {
        let written = compression.contentTypes.isEmpty ? Compressor.standardContentTypes : compression.contentTypes
        return Set(written.map { $0.lowercased() }).sorted()
    }

    private static func message(_ compression: RoutePolicySpec.Compression) -> CompressorMessage {
        var gzip = GzipMessage()
        gzip.compressionLevel = compression.level ?? levelStandard
        var message = CompressorMessage()
        message.compressorLibrary.name = "gzip"
        message.compressorLibrary.typedConfig = Wire.any(gzip)
        var response = CompressorMessage.ResponseDirectionConfig()
        response.commonConfig.minContentLength = Wire.uint(compression.minBytes ?? bytesMinStandard)
        response.commonConfig.contentType = types(compression)
        // A part of a compressed representation is not a compressed part (RFC 9110 §15.3.7).
        response.uncompressibleResponseCodes = [206]
        message.responseDirectionConfig = response
        return message
    }
}
