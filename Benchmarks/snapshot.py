"""Writes a saved snapshot for `gatehouse gateway --snapshot`: the xDS resources of one small gateway.

Protobuf by hand: a message is a list of (field number, value) where a value is an int (varint), str or bytes, or such
a list (a message). Field numbers are Envoy's (Sources/XDS/Proto). The container is described in SnapshotCoding.swift.
"""
import struct

TYPE = "type.googleapis.com/envoy."


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


ADS = [(3, []), (6, 2)]
WRAPPED_MAX = [(1, 1_000_000_000)]


def http_filter(name, message, fields=()):
    return [(1, "envoy.filters.http." + name), (4, any_of(message, list(fields)))]


def connection_manager(route_name):
    return any_of("extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", [
        (2, "bench"),
        (3, [(1, ADS), (2, route_name)]),
        (5, http_filter("cors", "extensions.filters.http.cors.v3.Cors")),
        (5, http_filter("fault", "extensions.filters.http.fault.v3.HTTPFault")),
        (5, http_filter("router", "extensions.filters.http.router.v3.Router", [(4, 1)])),  # suppress_envoy_headers
        (14, [(1, 1)]),  # use_remote_address
        (15, [(1, 0)]),  # generate_request_id: the peers make none either
        (30, [(1, 1)]),  # normalize_path
    ])


def listener(name, port, chain):
    network = [(1, "envoy.filters.network.http_connection_manager"), (4, connection_manager("bench"))]
    return [(1, name), (2, address(port)), (3, [(3, network)] + chain), (16, 2)]


def tls_chain():
    secret = [(1, "kubernetes://bench"), (2, ADS)]
    common = [(4, "h2"), (4, "http/1.1"), (6, secret)]
    context = any_of("extensions.transport_sockets.tls.v3.DownstreamTlsContext", [(1, common)])
    return [(6, [(1, "envoy.transport_sockets.tls"), (3, context)])]


def cluster(name):
    limits = [(2, WRAPPED_MAX), (3, WRAPPED_MAX), (4, WRAPPED_MAX), (5, WRAPPED_MAX)]
    return [(1, name), (2, 3), (3, [(1, ADS), (2, name)]), (4, [(1, 10)]), (10, [(1, limits)])]


def assignment(name, port):
    endpoint = [(1, [(1, address(port))]), (4, [(1, 1)])]
    return [(1, name), (2, [(1, []), (2, endpoint), (3, [(1, 1)])])]


def routes(name, cluster_name):
    route = [(14, "default"), (1, [(1, "/")]), (2, [(1, cluster_name), (8, [])])]
    return [(1, name), (2, [(1, "bench"), (2, "*"), (3, route)]), (14, 1)]


def secret(name, certificate, key):
    return [(1, name), (2, [(1, [(2, certificate)]), (2, [(2, key)])])]


def snapshot(plain_port, tls_port, upstream_port, certificate, key):
    """The bytes of the file."""
    name = "outbound|80||bench.default.svc.cluster.local"
    kinds = [
        {name: cluster(name)},
        {name: assignment(name, upstream_port)},
        {"plain": listener("plain", plain_port, []), "tls": listener("tls", tls_port, tls_chain())},
        {"bench": routes("bench", name)},
        {"kubernetes://bench": secret("kubernetes://bench", certificate, key)},
    ]
    out = b"gatehouse snapshot 1\n" + struct.pack(">Q", 1)
    for resources in kinds:
        out += struct.pack(">I", len(resources))
        for key_text, fields in sorted(resources.items()):
            for part in (key_text.encode(), encode(fields)):
                out += struct.pack(">I", len(part)) + part
    return out
