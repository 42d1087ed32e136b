"""HTTP/1.1 on the whole product: what is refused, what reaches the origin, what the client sees, and real clients.

A rig of its own (see Tests/Conformance): gateway -> origin, and gateway -> sidecar -> origin.
"""
import atexit
import gzip
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
import zlib

from harness import ROOT, SHARED, Skip, equal, eventually, expect, test

sys.path.insert(0, os.path.join(ROOT, "Tests", "Conformance"))
import run_requests as requests_rows
import run_responses as responses_rows
from rig import Rig, resource

RIG = None
HTTP1 = os.path.join(SHARED, "tools", "http1")


def rig(q):
    """The running rig; the first caller starts it."""
    global RIG
    if RIG is None:
        RIG = Rig(os.path.join(q.folder, "rig"), q.binary)
        atexit.register(RIG.stop_all)
        responses = os.path.join(HTTP1, "responses.json")
        RIG.start_recorder(environment={"RESPONSES": responses} if os.path.exists(responses) else None)
        RIG.up()
    return RIG


def rows(run, *arguments):
    """Runs rows of Tests/Conformance; the first wrong ones are the message."""
    wrong = []
    failed, count = run(*arguments, say=wrong.append)
    expect(not failed, f"{failed} of {count}: " + "; ".join(wrong[:5]))


def send(port, data, host="gw.test", tail=b"", seconds=5):
    """Everything that comes back for raw bytes, until the connection ends or `tail` was seen."""
    with socket.create_connection(("127.0.0.1", port), 5) as sock:
        sock.sendall(data)
        sock.settimeout(seconds)
        out = b""
        while piece := sock.recv(65536):
            out += piece
            if tail and out.endswith(tail):
                break
        return out


def ask(port, path="/", headers=None, method="GET", body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, body, {"Host": "gw.test", **(headers or {})})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer, text


def seen(port, path="/", headers=None):
    """Fields of a request as the origin got them."""
    answer, text = ask(port, path, headers)
    equal(answer.status, 200, text)
    return dict(json.loads(text)["fields"])


def mesh_config(r, **more):
    item = resource("MeshConfig", "default", {
        "pathNormalization": {"normalization": r.normalization},
        "edgeDefaults": {"http1": {"acceptHttp10": True, "defaultHost": "default.test"}}, **more}, "gatehouse.io/v1")
    del item["metadata"]["namespace"]
    return item


@test
def http1_requests(q):
    """every HTTP/1.1 request row has its one answer, at the gateway and through the chain"""
    r = rig(q)
    for port in ("plain", "chain"):
        rows(requests_rows.run, r.listeners[port], r.control_port)


@test
def http1_responses(q):
    """hostile answers of an upstream never reach a client as good ones, nor another client at all"""
    r = rig(q)
    for port in ("plain", "chain"):
        rows(responses_rows.run, r.listeners[port])


@test
def http1_shared(q):
    """the shared smuggling and response cases pass at the bar through gateway, sidecar and application"""
    r = rig(q)
    if not os.path.isdir(HTTP1):
        raise Skip("no shared cases")
    port = str(r.listeners["chain"])
    for command in (["run_smuggling.py", "127.0.0.1", port, "--origin-control", str(r.control_port), "--bar"],
                    ["run_responses.py", "127.0.0.1", port, "--bar"]):
        result = subprocess.run([sys.executable, os.path.join(HTTP1, command[0]), *command[1:]], capture_output=True,
                                text=True, timeout=300)
        equal(result.returncode, 0, result.stdout[-2000:])


@test
def http1_half_closed(q):
    """a client that has finished sending is still answered"""
    r = rig(q)
    for target in ("/a", "/events"):
        with socket.create_connection(("127.0.0.1", r.listeners["chain"]), 5) as sock:
            sock.sendall(b"GET %s HTTP/1.1\r\nHost: gw.test\r\n\r\n" % target.encode())
            sock.shutdown(socket.SHUT_WR)
            data = b""
            while piece := sock.recv(65536):
                data += piece
        expect(data.startswith(b"HTTP/1.1 200 ") and data.endswith((b"}", b"0\r\n\r\n")), data[-200:])


@test
def http1_curl(q):
    """curl: HTTP/1.1, HTTP/1.0, Expect, absolute form, an upgrade, and a refusal before the content"""
    r = rig(q)
    base = f"http://127.0.0.1:{r.listeners['plain']}"
    status, body = q.curl("--http1.1", f"{base}/x?y=1")
    equal((status, json.loads(body)["target"]), (200, "/x?y=1"))
    status, body = q.curl("--http1.0", "-H", "Host:", f"{base}/x")
    equal((status, dict(json.loads(body)["fields"])["host"]), (200, "default.test"))
    big = os.path.join(r.folder, "big")
    with open(big, "wb") as f:
        f.write(b"x" * 3_000_000)
    status, head = q.curl("-D", "-", "-H", "Expect: 100-continue", "--data-binary", "@" + big, f"{base}/upload")
    equal(status, 200, head[:300])
    expect(head.startswith("HTTP/1.1 100 Continue") and '"body_len": 3000000' in head, head[:300])
    start = time.monotonic()
    status, head = q.curl("-D", "-", "-H", "Expect: 100-continue", "--data-binary", "@" + big, f"{base}/refuse")
    equal(status, 413, head[:300])
    expect("100 Continue" not in head and time.monotonic() - start < 5, head[:300])
    status, body = q.curl("-x", base, "http://gw.test/through?a=b")
    equal((status, json.loads(body)["target"]), (200, "/through?a=b"))
    status, head = q.curl("-D", "-", "-m", "2", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket",
                          f"{base}/upgrade")
    expect(head.startswith("HTTP/1.1 101 "), head[:300])


@test
def http1_websockets(q):
    """the websockets library talks through ws:// and wss://, pings and large messages included"""
    try:
        import websockets.exceptions
        import websockets.sync.client
        import websockets.sync.server
    except ImportError:
        raise Skip("no websockets") from None
    r = rig(q)
    server = websockets.sync.server.serve(lambda peer: [peer.send(m) for m in peer], "127.0.0.1", 0, max_size=None)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        r.apply_items([
            r.external("socket", server.socket.getsockname()[1]),
            resource("VirtualService", "socket", {
                "hosts": ["ws.gw.test"], "gateways": ["direct"],
                "http": [{"route": [{"destination": {"host": "socket.internal", "port": {"number": 80}}}]}]})])
        trust = ssl.create_default_context(cafile=r.test_certs.path("ca.pem"))
        for scheme, port in (("ws", r.listeners["plain"]), ("wss", r.listeners["tls"])):
            def talk():
                try:
                    return converse()
                except websockets.exceptions.InvalidHandshake:
                    return False

            def converse():
                with websockets.sync.client.connect(
                        f"{scheme}://ws.gw.test:{port}/chat", ssl=trust if scheme == "wss" else None, max_size=None,
                        sock=socket.create_connection(("127.0.0.1", port), 5)) as peer:
                    expect(peer.ping().wait(5), "no pong")
                    for message in ("hello", b"\0" * 500_000):
                        peer.send(message)
                        equal(peer.recv(10), message)
                return True
            eventually(talk, what=scheme, seconds=10)
    finally:
        server.shutdown()


@test
def http1_upgrade_token(q):
    """a protocol that a RoutePolicy names may be switched to; another one is ignored"""
    r = rig(q)
    request = b"GET /upgrade HTTP/1.1\r\nHost: gw.test\r\nConnection: upgrade\r\nUpgrade: mine/1\r\n\r\n"
    expect(send(r.listeners["plain"], request, tail=b"}").startswith(b"HTTP/1.1 200 "), "switched")
    r.apply_items([resource("RoutePolicy", "tokens", {
        "targetRef": {"kind": "VirtualService", "name": "direct"}, "upgrades": ["mine/1"]}, "gatehouse.io/v1")])

    def is_switched():
        with socket.create_connection(("127.0.0.1", r.listeners["plain"]), 5) as sock:
            sock.settimeout(3)
            sock.sendall(request)
            head = sock.recv(4096)
            if not head.startswith(b"HTTP/1.1 101 "):
                return False
            expect(b"upgrade: mine/1" in head.lower(), head)
            sock.sendall(b"raw \0 bytes")
            return sock.recv(4096) == b"raw \0 bytes"
    eventually(is_switched, what="the switch")


@test
def http1_connect(q):
    """CONNECT opens a tunnel where a rule asks for the method, and nowhere else"""
    r = rig(q)
    connect = b"CONNECT tunnel.gw.test:80 HTTP/1.1\r\nHost: tunnel.gw.test:80\r\n\r\n"
    expect(send(r.listeners["plain"], connect.replace(b"tunnel.", b""), tail=b"\r\n\r\n").startswith(b"HTTP/1.1 404"),
           "not refused")
    r.apply_items([resource("VirtualService", "tunnel", {
        "hosts": ["tunnel.gw.test"], "gateways": ["direct"],
        "http": [{"match": [{"method": {"exact": "CONNECT"}}],
                  "route": [{"destination": {"host": "fast.internal", "port": {"number": 80}}}]}]})])

    def is_open():
        with socket.create_connection(("127.0.0.1", r.listeners["plain"]), 5) as sock:
            sock.settimeout(3)
            sock.sendall(connect)
            if not sock.recv(4096).startswith(b"HTTP/1.1 200 "):
                return False
            sock.sendall(b"GET /inside HTTP/1.0\r\n\r\n")
            return b"\r\n\r\nok\n" in b"".join(iter(lambda: sock.recv(4096), b""))
    eventually(is_open, what="the tunnel")
    equal(ask(r.listeners["plain"], "/", {"Host": "tunnel.gw.test"})[0].status, 404, "GET for the tunnel's host")


@test
def http1_compression(q):
    """a RoutePolicy turns on gzip: by Accept-Encoding, with a weak ETag and Vary, and without holding events back"""
    r = rig(q)
    port = r.listeners["plain"]
    wants = {"Accept-Encoding": "br, gzip;q=0.8"}
    plain, page = ask(port, "/page", wants)
    equal((plain.getheader("content-encoding"), plain.getheader("vary"), plain.getheader("etag")), (None, None, '"1"'))
    r.apply_items([resource("RoutePolicy", "gzip", {
        "targetRef": {"kind": "VirtualService", "name": "direct"},
        "compression": {"minBytes": 100}, "upgrades": ["mine/1"]}, "gatehouse.io/v1"),
    ])
    r.api("DELETE", "/apis/gatehouse.io/v1/namespaces/default/routepolicies/tokens")
    eventually(lambda: ask(port, "/page", wants)[0].getheader("content-encoding") == "gzip", what="compression")
    answer, body = ask(port, "/page", wants)
    equal(gzip.decompress(body), page)
    expect(len(body) * 5 < len(page), len(body))
    equal((answer.getheader("vary"), answer.getheader("etag")), ("accept-encoding", 'W/"1"'))
    for header in ({}, {"Accept-Encoding": "gzip;q=0"}, {"Accept-Encoding": "br"}):
        answer, body = ask(port, "/page", header)
        equal((answer.getheader("content-encoding"), answer.getheader("vary"), body), (None, "accept-encoding", page))
    answer, body = ask(port, "/page", wants, method="HEAD")
    equal((answer.getheader("content-encoding"), answer.getheader("content-length")), (None, str(len(page))))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/events", headers={"Host": "gw.test", **wants})
    answer = connection.getresponse()
    equal(answer.getheader("content-encoding"), "gzip")
    stream, text, times = zlib.decompressobj(31), b"", []
    while piece := answer.read1(65536):
        text += stream.decompress(piece)
        times.append((time.monotonic(), len(text)))
    connection.close()
    equal(text, b"event 0event 1event 2")
    expect(stream.eof and times[-1][0] - min(t for t, n in times if n >= 7) > 0.4, "events were held back")
    status, body = q.curl("--compressed", "-H", "Host: gw.test", f"http://127.0.0.1:{port}/page")
    equal((status, body), (200, page.decode()))


@test
def http1_client_address(q):
    """X-Forwarded-* of strangers is replaced; behind proxies named by EdgePolicy the client's address counts"""
    r = rig(q)
    port = r.listeners["plain"]
    claims = {"X-Forwarded-For": "6.6.6.6, 9.9.9.9, 127.0.0.5", "X-Forwarded-Proto": "https",
              "X-Forwarded-Host": "evil",
              "X-Forwarded-Port": "1", "X-Real-IP": "6.6.6.6", "X-Request-Id": "mine", "X-Envoy-Retry-On": "5xx"}
    got = seen(port, headers=claims)
    equal((got["x-envoy-external-address"], got["x-forwarded-proto"]), ("127.0.0.1", "http"))
    expect(not {"x-forwarded-host", "x-forwarded-port", "x-real-ip", "x-envoy-retry-on"} & set(got), got)
    expect(got["x-request-id"] != "mine" and got["x-forwarded-for"].endswith(",127.0.0.1"), got)
    r.apply_items([resource("EdgePolicy", "clients", {
        "targetRef": {"kind": "Gateway", "name": "direct"},
        "clientAddress": {"trustedProxies": ["127.0.0.0/8"], "appendForwardedPort": True},
        "http1": {"acceptHttp10": True, "defaultHost": "default.test", "preserveHeaderCase": True}},
                            "gatehouse.io/v1")])
    eventually(lambda: seen(port, headers=claims)["x-envoy-external-address"] == "9.9.9.9", what="the client's address")
    got = seen(port, headers=claims)
    equal((got["x-forwarded-proto"], got["x-forwarded-host"], got["x-forwarded-port"]), ("https", "evil", "1"))
    equal(seen(port)["x-forwarded-port"], str(port))
    answer, _ = ask(port)
    expect("Server" in [name for name, _ in answer.getheaders()], answer.getheaders())
    r.api("DELETE", "/apis/gatehouse.io/v1/namespaces/default/edgepolicies/clients")
    eventually(lambda: seen(port, headers=claims)["x-envoy-external-address"] == "127.0.0.1", what="strangers again")


@test
def http1_header_case(q):
    """header names keep their case towards upstreams when the mesh says so"""
    r = rig(q)
    port = r.listeners["plain"]

    def head():
        requests_rows.control(r.control_port, "/reset")
        send(port, b"GET /a HTTP/1.1\r\nHOST: gw.test\r\nsOAPAction: 1\r\n\r\n", tail=b"}")
        return requests_rows.control(r.control_port, "/log")[0]["head"]
    expect("host: gw.test" in head() and "x-request-id: " in head() and "sOAPAction: 1" in head(), head())
    r.apply_items([mesh_config(r, defaultConfig={"proxyHeaders": {"preserveHttp1HeaderCase": True}})])
    eventually(lambda: "HOST: gw.test" in head() and "X-Request-Id: " in head() and "sOAPAction: 1" in head(),
               what="case")
    r.apply_items([mesh_config(r)])
    eventually(lambda: "host: gw.test" in head(), what="lower case again")


@test
def http1_low_version(q):
    """HTTP/1.0 is served only where it was asked for"""
    r = rig(q)
    port = r.listeners["plain"]
    request = b"GET /a HTTP/1.0\r\nHost: gw.test\r\n\r\n"
    expect(send(port, request).startswith(b"HTTP/1.1 200 "), "not served")
    kept = request.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n")
    expect(b"connection: keep-alive" in send(port, kept, tail=b"}").lower(), "not kept")
    bare = mesh_config(r)
    del bare["spec"]["edgeDefaults"]
    r.apply_items([bare])
    eventually(lambda: send(port, request, tail=b"\r\n\r\n").startswith(b"HTTP/1.1 426 "), what="426")
    r.apply_items([mesh_config(r)])
    eventually(lambda: send(port, request).startswith(b"HTTP/1.1 200 "), what="HTTP/1.0 again")


SPELLINGS = ("/admin", "//admin", "/./admin", "/x/../admin", "/x/%2e%2e/admin", "/x/.%2e/admin", "/%61dmin",
             "/x%2f..%2fadmin",
             "/x/..%2fadmin", "/x%5c..%5cadmin", "/x\\..\\admin", "/x/..;/admin", "/x/..;a=b/admin", "/.;/admin",

             "/%2fadmin", "/admin%00", "/%zz/../admin", "/..%2fadmin", "/x/y/..%5c../admin")


@test
def http1_paths(q):
    """at the strictest level no spelling of /admin reaches the origin, nor anything that is not normal"""
    r = rig(q)
    port = r.listeners["plain"]
    r.apply_items([resource("VirtualService", "guarded", {
        "hosts": ["guarded.gw.test"], "gateways": ["direct"],
        "http": [{"match": [{"uri": {"prefix": "/admin"}}], "directResponse": {"status": 403}},
                 {"route": [{"destination": {"host": "origin.internal", "port": {"number": 80}}}]}]})])
    def request(path):
        return b"GET %s HTTP/1.1\r\nHost: guarded.gw.test\r\nConnection: close\r\n\r\n" % path.encode()
    eventually(lambda: send(port, request("/admin")).startswith(b"HTTP/1.1 403 "), what="the guard")
    requests_rows.control(r.control_port, "/reset")
    for path in SPELLINGS:
        status = send(port, request(path))[9:12]
        expect(status in (b"400", b"403"), f"{path}: {status}")
    equal(requests_rows.control(r.control_port, "/log"), [], "requests at the origin")
    for level in ("BASE", "MERGE_SLASHES", "NONE"):
        r.apply_items([{**mesh_config(r), "spec": {**mesh_config(r)["spec"],
                                                   "pathNormalization": {"normalization": level}}}])
        wanted = {"BASE": "/x//b%2fc", "MERGE_SLASHES": "/x/b%2fc", "NONE": "/x//a/../b%2fc"}[level]
        eventually(lambda: f'"target": "{wanted}"'.encode() in send(port, request("/x//a/../b%2fc")), what=level)
    r.apply_items([mesh_config(r)])
    eventually(lambda: f'"target": "/x/b/c"'.encode() in send(port, request("/x//a/../b%2fc")),
               what="the strictest level")


@test
def http1_ends(q):
    """the gateways of the rig have not crashed, and it ends"""
    r = rig(q)
    expect("crashed" not in r.log("serve") and "crashed" not in r.log("app"), r.log("serve")[-2000:])
    r.stop_all()
    shutil.rmtree(r.folder, ignore_errors=True)
