#!/usr/bin/env python3
"""Writes the seeds of Fuzz/corpus: small inputs that reach every branch we know of, made of our own bytes.

usage: seeds.py corpus            rewrites Fuzz/corpus
       seeds.py xds               rewrites Fuzz/corpus/xds from the golden translations (needs the xds-protos package)
       seeds.py shared FOLDER     more seeds from ../shared/tools/http1, when present, into FOLDER (not for committing)
"""
import glob
import hashlib
import json
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)


def write(folder, target, inputs):
    place = os.path.join(folder, target)
    os.makedirs(place, exist_ok=True)
    for data in inputs:
        data = data.encode() if isinstance(data, str) else bytes(data)
        with open(os.path.join(place, hashlib.sha1(data).hexdigest()[:12]), "wb") as file:
            file.write(data)


REQUESTS = [
    "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "GET /a/b?c=d HTTP/1.1\r\nHost: a.test:8080\r\nX-A: 1\r\nx-a:  2 \r\nCookie: a=b; c=d\r\n\r\n",
    "POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
    "POST /x HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n\r\n",
    "GET http://b.test/p?q HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "GET http://b.test?q HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "OPTIONS http://b.test HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n",
    "GET /ws HTTP/1.1\r\nHost: [::1]:80\r\nConnection: Upgrade, x-drop\r\nUpgrade: websocket\r\nX-Drop: 1\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
    "PURGE /x HTTP/1.1\r\nHost: a\r\nTE: trailers, gzip\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\n\r\n",
    "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
    "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
]
RESPONSES = [
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;e=f\r\nhi\r\n0\r\nX: y\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.0 200\r\nConnection: keep-alive\r\n\r\nuntil the end",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\nETag: \"a\"\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nraw",
    "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nConnection: close, x\r\nX: 1\r\n\r\nbody",
    "HTTP/1.1 599 Odd\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 20 OK\r\n\r\n",
    "HTTP/2 200 OK\r\n\r\n",
]
CHUNKS = [
    "5\r\nhello\r\n0\r\n\r\n",
    "1\r\na\r\n2;x=\"y\"\r\nbc\r\nA\r\n0123456789\r\n0;last\r\nX: y\r\n\r\n",
    "00000000000000001\r\na\r\n",
    "fffffffffffffff\r\n",
    "5\nhello\n",
    "5 \r\nhello\r\n",
    "-1\r\n\r\n",
    "0x5\r\nhello\r\n",
]


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    return b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def http2_requests():
    get = b"\x82\x84\x86\x41\x06a.test"
    post = b"\x83\x84\x87\x41\x06a.test" + literal("content-length", "5")
    yield frame(1, 5, 1, get)
    yield frame(1, 4, 1, post) + frame(0, 1, 1, b"hello")
    yield frame(1, 4, 1, post) + frame(0, 0, 1, b"hel") + frame(0, 0, 1, b"lo") + frame(1, 5, 1, literal("x-t", "1"))
    yield frame(1, 4, 1, post) + frame(0, 8, 1, b"\x03hello\0\0\0") + frame(3, 0, 1, b"\0\0\0\x08")
    yield frame(1, 1, 1, get[:3]) + frame(9, 0, 1, get[3:8]) + frame(9, 4, 1, get[8:])
    yield frame(1, 5, 1, get) + frame(8, 0, 0, b"\0\0\xff\xff") + frame(8, 0, 1, b"\0\0\0\x01")
    yield frame(4, 0, 0, b"\0\x04\0\0\0\x01\0\x01\0\0\0\0") + frame(4, 1, 0) + frame(6, 0, 0, b"12345678")
    yield frame(1, 0x25, 3, b"\0\0\0\x01\x10" + get) + frame(2, 0, 3, b"\0\0\0\0\x05")
    yield frame(7, 0, 0, b"\0\0\0\0\0\0\0\0bye") + frame(0xEE, 3, 0, b"unknown")
    connect = literal(":method", "CONNECT") + literal(":protocol", "websocket") + b"\x84\x86\x41\x06a.test"
    yield frame(1, 4, 1, connect) + frame(0, 0, 1, b"raw") + frame(0, 1, 1)
    yield frame(1, 4, 1, literal(":method", "CONNECT") + b"\x41\x09a.test:80") + frame(0, 0, 1, b"raw")
    crumbs = get + literal("cookie", "a=b") + literal("cookie", "c=d") + literal("te", "trailers")
    yield frame(1, 5, 1, crumbs) + frame(1, 5, 3, get) + frame(1, 5, 5, b"\xbe\xbf") + frame(3, 0, 3, b"\0\0\0\x08")
    yield frame(1, 5, 1, get + literal("connection", "close"))
    yield frame(1, 5, 1, get + literal("host", "b.test")) + frame(1, 5, 1, get)


def http2_responses():
    ok = b"\x88" + literal("content-length", "2")
    settings = frame(4, 0, 0, b"\0\x03\0\0\0\x64\0\x08\0\0\0\x01") + frame(4, 1, 0)
    yield settings + frame(1, 4, 1, ok) + frame(0, 1, 1, b"hi")
    yield settings + frame(1, 4, 1, b"\x08\x03103") + frame(1, 4, 1, b"\x88") + frame(0, 0, 1, b"hi") + frame(
        1, 5, 1, literal("grpc-status", "0"))
    yield settings + frame(1, 5, 1, b"\x89") + frame(1, 5, 3, b"\x8b") + frame(3, 0, 5, b"\0\0\0\x07")
    yield settings + frame(7, 0, 0, b"\0\0\0\x01\0\0\0\0") + frame(1, 5, 1, b"\x88")
    yield settings + frame(5, 4, 1, b"\0\0\0\x02\x82\x84\x86\x41\x01a")
    yield settings + frame(1, 4, 1, b"\x88") + frame(0, 9, 1, b"\x02hi\0\0") + frame(8, 0, 0, b"\x7f\xff\xff\xff")


def hello(name, protocols, records=1):
    def vector(width, data):
        return len(data).to_bytes(width, "big") + data

    extensions = b""
    if name is not None:
        extensions += struct.pack(">H", 0) + vector(2, vector(2, b"\0" + vector(2, name)))
    if protocols:
        extensions += struct.pack(">H", 16) + vector(2, vector(2, b"".join(vector(1, p) for p in protocols)))
    extensions += struct.pack(">H", 43) + vector(2, vector(1, b"\x03\x04\x03\x03"))
    body = b"\x03\x03" + bytes(32) + vector(1, b"") + vector(2, b"\x13\x01\x13\x02") + vector(1, b"\0")
    body += vector(2, extensions)
    message = b"\x01" + vector(3, body)
    size = -(-len(message) // records)
    return b"".join(b"\x16\x03\x01" + vector(2, message[i:i + size]) for i in range(0, len(message), size))


PROXY2 = b"\r\n\r\n\0\r\nQUIT\n"
PROXIES = [
    b"PROXY TCP4 10.0.0.1 10.0.0.2 1000 80\r\nGET",
    b"PROXY TCP6 ::1 2001:db8::2 1000 80\r\n",
    b"PROXY UNKNOWN ffff::1 x\r\n",
    b"PROXY TCP4 010.0.0.1 10.0.0.2 1000 80\r\n",
    b"PROXY TCP4 10.0.0.1 10.0.0.2 1000 65536\r\n",
    PROXY2 + b"\x20\0\0\0",
    PROXY2 + b"\x21\x11\0\x0c" + bytes([10, 0, 0, 1, 10, 0, 0, 2, 3, 232, 0, 80]) + b"x",
    PROXY2 + b"\x21\x11\0\x11" + bytes([10, 0, 0, 1, 10, 0, 0, 2, 3, 232, 0, 80]) + b"\x04\0\x02ab",
    PROXY2 + b"\x21\x21\0\x24" + bytes(range(36)),
    PROXY2 + b"\x21\x31\0\xd8" + bytes(216),
    PROXY2 + b"\x31\x11\0\x0c" + bytes(12),
]
ROUTES = [
    "a.test *.b.test\np/api\nex-user:jason\nGET a.test /api/v1?x=y\nx-user:jason",
    "*\nr/a/[0-9]+\npcookie:a=\nGET c.test:80 /a/12\ncookie:a=b",
    "b.*\ns/a\nr:path:.*x\nPOST b.com /a/b",
    "*.b.test\nE/Exact\nc:authority:b\nGET x.b.test /exact",
    "a.test:8080 *\ne/x\nsx:\nGET A.TEST:8080 /x",
    "x\nr(\n\nGET x /",
]
PATHS = [
    "a/./b/../c", "a//b", "%2e%2E/%2f..%5c", "a\\..\\b", "a%00b", "%41%zz%4", "..;/a?x=../y", "a/b/../../../c", "\x01 \x7f<>",
    "a%2F%2e%2e%2Fb#f", ".", "..", "a/..", "%252e%252e/",
]
JSONS = [
    '{"a": [1, -2.5e3, true, false, null, "x\\u00e9\\ud83d\\ude00\\n"]}',
    '[9223372036854775807, -9223372036854775808, 18446744073709551616, 1e308, 0.1, -0, 1E-7]',
    '{"a":1,"a":2}', '"\\ud800"', "[1,]", "nul", "[[[[[[]]]]]]",
]
KEEP = ("VirtualService", "Gateway", "DestinationRule", "ServiceEntry", "Sidecar", "Service", "WorkloadEntry")


def manifests():
    """Documents of our own examples and golden files that are small enough to be mutated well."""
    files = sorted(glob.glob(f"{ROOT}/Tests/Golden/translation/*.yaml") + glob.glob(f"{ROOT}/Examples/quickstart/*.yaml"))
    seen = set()
    for path in files:
        with open(path) as file:
            for document in file.read().split("\n---"):
                lines = [l for l in document.lstrip("-").splitlines() if not l.lstrip().startswith("#")]
                text = "\n".join(lines).strip() + "\n"
                kind = next((l.split()[-1] for l in lines if l.startswith("kind:")), "")
                if kind in KEEP and len(text) < 1500 and text not in seen:
                    seen.add(text)
                    yield kind, text


def corpus():
    folder = os.path.join(HERE, "corpus")
    write(folder, "http1-request", REQUESTS)
    write(folder, "http1-response", RESPONSES)
    write(folder, "chunked-body", CHUNKS)
    server = [bytes([choice]) + r.encode() for choice in (0, 9, 17, 35) for r in REQUESTS[:12]]
    server += [bytes([4 | choice]) + r for choice in (0, 9, 16, 96) for r in http2_requests()]
    write(folder, "server-connection", server)
    client = [bytes([choice]) + r.encode() for choice in (0, 8, 16, 33) for r in RESPONSES]
    client += [bytes([4 | choice]) + r for choice in (0, 16, 64) for r in http2_responses()]
    write(folder, "client-connection", client)
    write(folder, "client-hello", [
        hello(b"a.test", [b"h2", b"http/1.1"]), hello(b"Shop.Example.", [], 3), hello(None, [b"istio"]),
        hello(b"", []), hello(b"a b", []), b"\x16\x03\x01\0\x04\x02\0\0\0", b"\x15\x03\x01\0\x02\x01\0", b"GET / HTTP/1.1\r\n",
    ])
    write(folder, "proxy-protocol", PROXIES)
    write(folder, "route", ROUTES)
    write(folder, "path", PATHS)
    texts = list(manifests())
    kinds = {}
    for kind, text in texts:
        kinds.setdefault(kind, []).append(text)
    chosen = [text for same in kinds.values() for text in same[:3]]
    write(folder, "yaml", chosen + ["a: &x [1, 2]\nb: *x\n", "- |\n  text\n- >-\n  folded\n", "---\n---\na: 0x1f\n", "a: {b: c"])
    try:
        import yaml
        write(folder, "json", JSONS + [json.dumps(yaml.safe_load(text)) for text in chosen])
    except ImportError:
        write(folder, "json", JSONS)


def xds():
    """Golden snapshots as messages: one input per resource, and small groups that refer to each other."""
    from google.protobuf import json_format
    import importlib
    modules = [
        "config.cluster.v3.cluster", "config.endpoint.v3.endpoint", "config.listener.v3.listener", "config.route.v3.route",
        "extensions.transport_sockets.tls.v3.secret", "extensions.transport_sockets.tls.v3.tls",
        "extensions.filters.network.http_connection_manager.v3.http_connection_manager",
        "extensions.filters.network.tcp_proxy.v3.tcp_proxy", "extensions.filters.http.router.v3.router",
        "extensions.filters.http.cors.v3.cors", "extensions.filters.http.fault.v3.fault",
        "extensions.filters.http.rbac.v3.rbac", "extensions.filters.listener.tls_inspector.v3.tls_inspector",
        "extensions.upstreams.http.v3.http_protocol_options", "extensions.access_loggers.file.v3.file",
        "extensions.access_loggers.stream.v3.stream", "extensions.filters.listener.original_dst.v3.original_dst",
        "extensions.filters.listener.proxy_protocol.v3.proxy_protocol", "extensions.filters.http.grpc_web.v3.grpc_web",
        "extensions.filters.network.rbac.v3.rbac", "extensions.http.header_formatters.preserve_case.v3.preserve_case",
        "extensions.filters.network.sni_cluster.v3.sni_cluster",
        "extensions.retry.host.previous_hosts.v3.previous_hosts",
    ]
    for name in modules:
        try:
            importlib.import_module(f"envoy.{name}_pb2")
        except ImportError:
            print(f"without envoy.{name}", file=sys.stderr)
    from envoy.config.cluster.v3 import cluster_pb2
    from envoy.config.endpoint.v3 import endpoint_pb2
    from envoy.config.listener.v3 import listener_pb2
    from envoy.config.route.v3 import route_pb2
    from envoy.extensions.transport_sockets.tls.v3 import secret_pb2
    types = {
        "CDS": (0, cluster_pb2.Cluster), "EDS": (1, endpoint_pb2.ClusterLoadAssignment),
        "LDS": (2, listener_pb2.Listener), "RDS": (3, route_pb2.RouteConfiguration),
        "SDS": (4, secret_pb2.Secret),
    }
    inputs = {}
    for path in sorted(glob.glob(f"{ROOT}/Tests/Golden/translation/*.json")):
        with open(path) as file:
            document = json.load(file)
        for key, (number, message) in types.items():
            items = document.get(key) or []
            for item in items.values() if isinstance(items, dict) else items:
                try:
                    data = json_format.ParseDict(item, message(), ignore_unknown_fields=True).SerializeToString()
                except json_format.ParseError as error:
                    print(f"{os.path.basename(path)}: {key}: {error}", file=sys.stderr)
                    continue
                if len(data) < 2000:
                    inputs.setdefault(number, {})[data] = None
    chosen = []
    for number, found in inputs.items():
        some = sorted(found, key=len)
        chosen += [(number, data) for data in some[:: max(1, len(some) // 10)]]
    pack = [bytes([number]) + struct.pack(">H", len(data)) + data for number, data in chosen]
    write(os.path.join(HERE, "corpus"), "xds", pack + [b"".join(pack[:4])])


def shared(folder):
    source = os.path.join(os.path.dirname(ROOT), "shared", "tools", "http1")
    if not os.path.isdir(source):
        print("no ../shared: own seeds only", file=sys.stderr)
        return
    with open(os.path.join(source, "smuggling.json")) as file:
        requests = ["".join(part for part in case["raw"] if isinstance(part, str)) for case in json.load(file)]
    with open(os.path.join(source, "responses.json")) as file:
        responses = ["".join(part for part in case["raw"] if isinstance(part, str)) for case in json.load(file)]
    requests = [r.encode("latin-1", "replace") for r in requests if len(r) < 4000]
    responses = [r.encode("latin-1", "replace") for r in responses if len(r) < 4000]
    write(folder, "http1-request", requests)
    write(folder, "http1-response", responses)
    write(folder, "server-connection", [b"\x01" + r for r in requests])
    write(folder, "client-connection", [b"\0" + r for r in responses])


if __name__ == "__main__":
    if sys.argv[1:] == ["corpus"]:
        corpus()
    elif sys.argv[1:] == ["xds"]:
        xds()
    elif len(sys.argv) == 3 and sys.argv[1] == "shared":
        shared(sys.argv[2])
    else:
        sys.exit(__doc__)
