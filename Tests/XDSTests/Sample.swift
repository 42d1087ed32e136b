import SwiftProtobuf
import XDS

/// Messages as a control plane sends them.
enum Sample {
    typealias Manager = Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpConnectionManager

    static func manager() throws -> Manager {
        var manager = Manager()
        manager.statPrefix = "x"
        manager.rds.routeConfigName = "r"
        manager.rds.configSource.ads = .init()
        manager.rds.configSource.resourceApiVersion = .v3
        var router = Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpFilter()
        router.name = "envoy.filters.http.router"
        router.typedConfig = try Google_Protobuf_Any(message: Envoy_Extensions_Filters_Http_Router_V3_Router())
        manager.httpFilters = [router]
        return manager
    }

    static func listener(_ manager: Manager? = nil) throws -> Envoy_Config_Listener_V3_Listener {
        var filter = Envoy_Config_Listener_V3_Filter()
        filter.name = "envoy.filters.network.http_connection_manager"
        filter.typedConfig = try Google_Protobuf_Any(message: manager ?? Sample.manager())
        var tls = Envoy_Extensions_TransportSockets_Tls_V3_DownstreamTlsContext()
        var secret = Envoy_Extensions_TransportSockets_Tls_V3_SdsSecretConfig()
        secret.name = "cert"
        secret.sdsConfig.ads = .init()
        secret.sdsConfig.resourceApiVersion = .v3
        tls.commonTlsContext.tlsCertificateSdsSecretConfigs = [secret]
        var chain = Envoy_Config_Listener_V3_FilterChain()
        chain.filters = [filter]
        chain.transportSocket.name = "envoy.transport_sockets.tls"
        chain.transportSocket.typedConfig = try Google_Protobuf_Any(message: tls)
        var listener = Envoy_Config_Listener_V3_Listener()
        listener.name = "l"
        listener.address.socketAddress.address = "0.0.0.0"
        listener.address.socketAddress.portValue = 8443
        listener.filterChains = [chain]
        return listener
    }

    static func routes() -> Envoy_Config_Route_V3_RouteConfiguration {
        var header = Envoy_Config_Route_V3_HeaderMatcher()
        header.name = "End-User"
        header.stringMatch.exact = "jason"
        var route = Envoy_Config_Route_V3_Route()
        route.match.prefix = "/a"
        route.match.headers = [header]
        for (name, weight) in [("v1", UInt32(75)), ("v2", 25)] {
            var cluster = Envoy_Config_Route_V3_WeightedCluster.ClusterWeight()
            cluster.name = name
            cluster.weight.value = weight
            route.route.weightedClusters.clusters.append(cluster)
        }
        route.route.timeout.seconds = 1
        route.route.timeout.nanos = 500_000_000
        route.route.retryPolicy.retryOn = "5xx, connect-failure"
        var option = Envoy_Config_Core_V3_HeaderValueOption()
        option.header.key = "X-A"
        option.header.value = "b"
        option.appendAction = .overwriteIfExistsOrAdd
        route.requestHeadersToAdd = [option]
        var host = Envoy_Config_Route_V3_VirtualHost()
        host.name = "all"
        host.domains = ["*"]
        host.routes = [route]
        var routes = Envoy_Config_Route_V3_RouteConfiguration()
        routes.name = "r"
        routes.virtualHosts = [host]
        return routes
    }

    static func cluster() -> Envoy_Config_Cluster_V3_Cluster {
        var cluster = Envoy_Config_Cluster_V3_Cluster()
        cluster.name = "c"
        cluster.type = .eds
        cluster.edsClusterConfig.edsConfig.ads = .init()
        cluster.edsClusterConfig.edsConfig.resourceApiVersion = .v3
        return cluster
    }
}
