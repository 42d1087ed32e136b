"""Envoy with the router filter only, within the rules of proxies.py."""
import json
import os
import shutil

from proxies import Proxy

TYPES = "type.googleapis.com/envoy."
HTTP = "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
OPTIONS = "extensions.upstreams.http.v3.HttpProtocolOptions"


def envoy(site):
    program = shutil.which(os.environ.get("ENVOY", "envoy"))
    if not program:
        return Proxy("envoy", None, site.ports)
    if site.is_pair:
        configs = {"envoy-out": outbound(site), "envoy-in": inbound(site)}
    else:
        configs = {"envoy": edge(site)}
    commands = [[program, "--concurrency", str(site.workers), "-c", site.write(f"{name}.json", json.dumps(config)),
                 "-l", "error", "--disable-hot-restart", "--base-id", str(index)]
                for index, (name, config) in enumerate(configs.items())]
    return Proxy("envoy", commands, site.ports)


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def log_fields():
    return {"method": "%REQ(:METHOD)%", "path": "%REQ(:PATH)%", "status": "%RESPONSE_CODE%", "bytes": "%BYTES_SENT%",
            "peer": "%DOWNSTREAM_REMOTE_ADDRESS%", "host": "%REQ(:AUTHORITY)%", "time": "%START_TIME%",
            "took": "%DURATION%", "agent": "%REQ(USER-AGENT)%", "upstream": "%UPSTREAM_HOST%"}


def http(site, hosts):
    router = {"@type": TYPES + "extensions.filters.http.router.v3.Router", "suppress_envoy_headers": True}
    manager = {"@type": TYPES + HTTP, "stat_prefix": "bench", "use_remote_address": True, "generate_request_id": False,
               "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
               "route_config": {"virtual_hosts": hosts}}
    if site.logs:
        file = {"@type": TYPES + "extensions.access_loggers.file.v3.FileAccessLog", "path": f"{site.run}/envoy.access",
                "log_format": {"json_format": log_fields()}}
        manager["access_log"] = [{"name": "envoy.access_loggers.file", "typed_config": file}]
    return {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}


def every_host(cluster):
    return [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": cluster}}]}]


def many_hosts(site):
    return [{"name": domain, "domains": [domain], "routes": [
        {"match": {"prefix": prefix}, "route": {"cluster": "up"}} for prefix in prefixes]}
        for domain, prefixes in site.hosts.items()]


def files(site, kind):
    return {"certificate_chain": {"filename": f"{site.run}/{kind}-cert.pem"},
            "private_key": {"filename": f"{site.run}/{kind}-key.pem"}}


def tls(chain, site, kind, is_mutual=False):
    common = {"alpn_protocols": ["h2", "http/1.1"], "tls_certificates": [files(site, kind)]}
    context = {"@type": TYPES + "extensions.transport_sockets.tls.v3.DownstreamTlsContext",
               "common_tls_context": common}
    if is_mutual:
        common["validation_context"] = {"trusted_ca": {"filename": f"{site.run}/ecdsa-cert.pem"}}
        context["require_client_certificate"] = True
    return {**chain, "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context}}


def cluster(name, port, **more):
    limits = [{"max_connections": 100000, "max_pending_requests": 100000, "max_requests": 100000}]
    return {"name": name, "type": "STATIC", "connect_timeout": "5s", "circuit_breakers": {"thresholds": limits},
            "load_assignment": {"cluster_name": name, "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": address(port)}}]}]}, **more}


def config(listeners, clusters):
    """`listeners`: {name: (port, filter chain)}."""
    return {"static_resources": {"clusters": clusters, "listeners": [
        {"name": name, "address": address(port), "filter_chains": [chain]}
        for name, (port, chain) in listeners.items()]}}


def edge(site):
    h2 = {"explicit_http_config": {"http2_protocol_options": {}}, "@type": TYPES + OPTIONS}
    tcp = {"@type": TYPES + "extensions.filters.network.tcp_proxy.v3.TcpProxy", "stat_prefix": "tcp", "cluster": "up"}
    chains = {
        "plain": http(site, every_host("up")), "tls": tls(http(site, every_host("up")), site, "ecdsa"),
        "rsa": tls(http(site, every_host("up")), site, "rsa"), "h2": tls(http(site, every_host("up2")), site, "ecdsa"),
        "hosts": http(site, many_hosts(site)),
        "tcp": {"filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": tcp}]},
    }
    return config({use: (site.ports[use], chain) for use, chain in chains.items()}, [
        cluster("up", site.upstream),
        cluster("up2", site.upstream_h2, typed_extension_protocol_options={"envoy." + OPTIONS: h2})])


def outbound(site):
    context = {"@type": TYPES + "extensions.transport_sockets.tls.v3.UpstreamTlsContext", "sni": "localhost",
               "common_tls_context": {"tls_certificates": [files(site, "ecdsa")], "validation_context": {
                   "trusted_ca": {"filename": f"{site.run}/ecdsa-cert.pem"}}}}
    socket = {"name": "envoy.transport_sockets.tls", "typed_config": context}
    return config({"mesh": (site.ports["mesh"], http(site, every_host("up")))},
                  [cluster("up", site.ports["inner"], transport_socket=socket)])


def inbound(site):
    return config({"inner": (site.ports["inner"], tls(http(site, every_host("up")), site, "ecdsa", is_mutual=True))},
                  [cluster("up", site.upstream)])
