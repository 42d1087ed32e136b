internal import Base
internal import Registry
internal import Resources
internal import SwiftProtobuf
internal import XDS

/// How HTTP/1 field names are written. Names we add follow the received ones only when they are told to.
enum HeaderCaseOptions {
    static var preserved: Envoy_Config_Core_V3_Http1ProtocolOptions.HeaderKeyFormat {
        var formatter = Envoy_Extensions_Http_HeaderFormatters_PreserveCase_V3_PreserveCaseFormatterConfig()
        formatter.formatterTypeOnEnvoyHeaders = .properCase
        var format = Envoy_Config_Core_V3_Http1ProtocolOptions.HeaderKeyFormat()
        format.statefulFormatter.name = "preserve_case"
        format.statefulFormatter.typedConfig = Wire.any(formatter)
        return format
    }

    /// Istio's switch for the whole mesh.
    static func arePreserved(_ settings: MeshSettings) -> Bool {
        settings.config.defaultConfig?.proxyHeaders?.preserveHttp1HeaderCase ?? false
    }
}

extension EdgeProfile {
    /// HTTP/1 with clients, and how they are told apart behind other proxies.
    func applyClients(to manager: inout ConnectionManager) {
        if let http1 = settings.http1 {
            manager.httpProtocolOptions.acceptHTTP10 = http1.acceptHttp10 ?? false
            manager.httpProtocolOptions.defaultHostForHTTP10 = http1.defaultHost ?? ""
            if let preserves = http1.preserveHeaderCase {
                if preserves {
                    manager.httpProtocolOptions.headerKeyFormat = HeaderCaseOptions.preserved
                } else {
                    manager.httpProtocolOptions.clearHeaderKeyFormat()
                }
            }
        }
        guard let client = settings.clientAddress else { return }
        if client.appendForwardedPort == true { manager.appendXForwardedPort = true }
        if let hops = client.numTrustedProxies { manager.xffNumTrustedHops = hops }
        guard !client.trustedProxies.isEmpty else { return }
        var blocks = Envoy_Extensions_Http_OriginalIpDetection_Xff_V3_XffTrustedCidrs()
        blocks.cidrs = client.trustedProxies.compactMap { CIDR($0) }.map { block in
            var range = Envoy_Config_Core_V3_CidrRange()
            range.addressPrefix = block.network.description
            range.prefixLen = Wire.uint(block.prefixLength)
            return range
        }
        var xff = Envoy_Extensions_Http_OriginalIpDetection_Xff_V3_XffConfig()
        xff.xffTrustedCidrs = blocks
        xff.skipXffAppend = Wire.bool(false)
        var detection = Envoy_Config_Core_V3_TypedExtensionConfig()
        detection.name = "envoy.http.original_ip_detection.xff"
        detection.typedConfig = Wire.any(xff)
        // The two exclude each other in Envoy.
        manager.useRemoteAddress = Wire.bool(false)
        manager.xffNumTrustedHops = 0
        manager.originalIpDetectionExtensions = [detection]
    }
}
