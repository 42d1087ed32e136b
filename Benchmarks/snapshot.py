"""Writes a saved snapshot for `gatehouse gateway --snapshot`: the xDS resources of one small gateway.

Protobuf by hand: a message is a list of (field number, value) where a value is an int (varint), str or bytes, or such
a list (a message). Field numbers are Envoy's (Sources/XDS/Proto). The container is described in SnapshotCoding.swift.
"""
import struct

TYPE = "type.googleapis.com/envoy."
WRAPPED_MAX = [(1, 1_000_000_000)]
ADS = [(3, []), (6, 2)]


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def encode(fields):
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
            continue
        content = value.encode() if isinstance(value, str) else value if isinstance(value, bytes) else encode(value)
        out += varint(number << 3 | 2) + varint(len(content)) + content
    return out


def any_of(name, fields):
    return [(1, TYPE + name), (2, encode(fields))]


def address(port):
    return [(1, [(2, "127.0.0.1"), (3, port)])]


def http_filter(name, message, fields=()):
    return [(1, "envoy.filters.http." + name), (4, any_of(message, list(fields)))]


def http_chain(routes):
    """A connection manager whose routes come by RDS."""
    manager = any_of("extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", [
        (2, "bench"),
        (3, [(1, ADS), (2, routes)]),
        (5, http_filter("cors", "extensions.filters.http.cors.v3.Cors")),
        (5, http_filter("fault", "extensions.filters.http.fault.v3.HTTPFault")),
        (5, http_filter("router", "extensions.filters.http.router.v3.Router", [(4, 1)])),  # suppress_envoy_headers
        (14, [(1, 1)]),  # use_remote_address
        (15, [(1, 0)]),  # generate_request_id: the peers make none either
        (30, [(1, 1)]),  # normalize_path
    ])
    return [(3, [(1, "envoy.filters.network.http_connection_manager"), (4, manager)])]


def tcp_chain(cluster_name):
    proxy = any_of("extensions.filters.network.tcp_proxy.v3.TcpProxy", [(1, "bench"), (2, cluster_name)])
    return [(3, [(1, "envoy.filters.network.tcp_proxy"), (4, proxy)])]


def listener(name, port, chain):
    return [(1, name), (2, address(port)), (3, chain), (16, 2)]


def pem_pair(certificate, key):
    return [(1, [(2, certificate)]), (2, [(2, key)])]


def transport_socket(number, message, fields):
    return [(number, [(1, "envoy.transport_sockets.tls"),
                      (3, any_of("extensions.transport_sockets.tls.v3." + message, fields))])]


def tls(secret_name):
    """What a listener shows: a certificate that comes by SDS."""
    common = [(4, "h2"), (4, "http/1.1"), (6, [(1, secret_name), (2, ADS)])]
    return transport_socket(6, "DownstreamTlsContext", [(1, common)])


def mutual(pair):
    """Both sides show the same certificate, which is also its own authority."""
    return [(2, pem_pair(*pair)), (3, [(1, [(2, pair[0])])])]


def mutual_server(pair):
    return transport_socket(6, "DownstreamTlsContext", [(1, mutual(pair)), (2, [(1, 1)])])


def cluster(name, more=()):
    limits = [(2, WRAPPED_MAX), (3, WRAPPED_MAX), (4, WRAPPED_MAX), (5, WRAPPED_MAX)]
    return [(1, name), (2, 3), (3, [(1, ADS), (2, name)]), (4, [(1, 10)]), (10, [(1, limits)])] + list(more)


def http2():
    name = "extensions.upstreams.http.v3.HttpProtocolOptions"
    return [(36, [(1, "envoy." + name), (2, any_of(name, [(3, [(2, [])])]))])]


def mutual_client(pair):
    return transport_socket(24, "UpstreamTlsContext", [(1, mutual(pair)), (2, "localhost")])


def assignment(name, port):
    endpoint = [(1, [(1, address(port))]), (4, [(1, 1)])]
    return [(1, name), (2, [(1, []), (2, endpoint), (3, [(1, 1)])])]


def route(prefix, cluster_name):
    return (3, [(14, "default"), (1, [(1, prefix)]), (2, [(1, cluster_name), (8, [])])])


def routes(name, cluster_name):
    return [(1, name), (2, [(1, "bench"), (2, "*"), route("/", cluster_name)]), (14, 1)]


def many_hosts(name, cluster_name, hosts):
    """`hosts`: {domain: [path prefix, …]}."""
    return [(1, name), (14, 1)] + [
        (2, [(1, domain), (2, domain)] + [route(prefix, cluster_name) for prefix in prefixes])
        for domain, prefixes in hosts.items()]


def service(name):
    return f"outbound|80||{name}.default.svc.cluster.local"


def pack(clusters, assignments, listeners, route_tables, secrets=()):
    """The bytes of the file; each argument is {name: fields}."""
    out = b"gatehouse snapshot 1\n" + struct.pack(">Q", 1)
    for resources in (clusters, assignments, listeners, route_tables, dict(secrets)):
        out += struct.pack(">I", len(resources))
        for name, fields in sorted(resources.items()):
            for part in (name.encode(), encode(fields)):
                out += struct.pack(">I", len(part)) + part
    return out


def edge(site):
    """Everything that a site's ports promise; see proxies.py."""
    h1, h2 = service("bench"), service("bench-h2")
    pairs = {"kubernetes://ecdsa": site.pair("ecdsa"), "kubernetes://rsa": site.pair("rsa")}
    chains = {
        "plain": http_chain("bench"), "tls": http_chain("bench") + tls("kubernetes://ecdsa"),
        "rsa": http_chain("bench") + tls("kubernetes://rsa"), "h2": http_chain("h2") + tls("kubernetes://ecdsa"),
        "hosts": http_chain("hosts"), "tcp": tcp_chain(h1),
    }
    return pack(
        {h1: cluster(h1), h2: cluster(h2, http2())},
        {h1: assignment(h1, site.upstream), h2: assignment(h2, site.upstream_h2)},
        {name: listener(name, site.ports[name], chain) for name, chain in chains.items()},
        {"bench": routes("bench", h1), "h2": routes("h2", h2), "hosts": many_hosts("hosts", h1, site.hosts)},
        {name: [(1, name), (2, pem_pair(*pair))] for name, pair in pairs.items()})


def outbound(site):
    """The client's side of a pair: plain in, mutual TLS out to the other proxy."""
    name, pair = service("bench"), site.pair("ecdsa")
    return pack({name: cluster(name, mutual_client(pair))}, {name: assignment(name, site.ports["inner"])},
                {"mesh": listener("mesh", site.ports["mesh"], http_chain("bench"))}, {"bench": routes("bench", name)})


def inbound(site):
    """The server's side of a pair: mutual TLS in, plain out to the application."""
    name, chain = service("bench"), http_chain("bench") + mutual_server(site.pair("ecdsa"))
    return pack({name: cluster(name)}, {name: assignment(name, site.upstream)},
                {"inner": listener("inner", site.ports["inner"], chain)}, {"bench": routes("bench", name)})
