internal import Registry
internal import Resources
internal import SwiftProtobuf
internal import XDS

/// Clusters whose endpoints are whatever host a request names.
///
/// Source: Envoy's dynamic forward proxy. All of them, and the filters before them, share one cache of names, whose
/// settings Envoy wants to be the same everywhere.
enum Forwarding {
    private static func cache(
        _ settings: MeshSettings
    ) -> Envoy_Extensions_Common_DynamicForwardProxy_V3_DnsCacheConfig {
        var cache = Envoy_Extensions_Common_DynamicForwardProxy_V3_DnsCacheConfig()
        cache.name = "dynamic_forward_proxy"
        cache.dnsLookupFamily = .v4Preferred
        cache.dnsRefreshRate = Wire.duration(settings.dnsRefreshRate)
        return cache
    }

    static func apply(to cluster: inout ClusterMessage, settings: MeshSettings) {
        var config = Envoy_Extensions_Clusters_DynamicForwardProxy_V3_ClusterConfig()
        config.dnsCacheConfig = cache(settings)
        // Server names and their verification are the DestinationRule's affair, as for every other cluster.
        config.allowInsecureClusterOptions = true
        cluster.clusterType.name = "envoy.clusters.dynamic_forward_proxy"
        cluster.clusterType.typedConfig = Wire.any(config)
        cluster.lbPolicy = .clusterProvided
        cluster.dnsLookupFamily = .v4Preferred
        cluster.respectDnsTtl = true
        cluster.dnsRefreshRate = Wire.duration(settings.dnsRefreshRate)
    }

    /// Resolves the host of requests whose route ends at such a cluster.
    static func httpFilter(_ settings: MeshSettings) -> HTTPFilterMessage {
        var config = Envoy_Extensions_Filters_Http_DynamicForwardProxy_V3_FilterConfig()
        config.dnsCacheConfig = cache(settings)
        var filter = HTTPFilterMessage()
        filter.name = "envoy.filters.http.dynamic_forward_proxy"
        filter.typedConfig = Wire.any(config)
        return filter
    }

    /// Resolves the TLS server name of a connection.
    static func networkFilter(_ settings: MeshSettings, port: Int) -> NetworkFilter {
        var config = Envoy_Extensions_Filters_Network_SniDynamicForwardProxy_V3_FilterConfig()
        config.dnsCacheConfig = cache(settings)
        config.portValue = UInt32(clamping: port)
        return Wire.networkFilter("envoy.filters.network.sni_dynamic_forward_proxy", config)
    }
}
