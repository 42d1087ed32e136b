"""TCP of the whole product: tunnels by server name and address, weights, half-closes, timeouts, PROXY headers."""
import json
import os
import socket
import ssl
import struct
import time

from harness import equal, eventually, expect, test
from tls_lab import Backend, Lab, resource, saying


def dial(lab, number, source=None, prefix=b""):
    connection = socket.create_connection(("127.0.0.1", lab.listen[number]), 5,
                                          source_address=(source, 0) if source else None)
    connection.settimeout(5)
    if prefix:
        connection.sendall(prefix)
    return connection


def greeting(lab, number, source=None, prefix=b""):
    """The first line the backend says; empty when the connection ends instead."""
    try:
        with dial(lab, number, source, prefix) as connection:
            return connection.makefile("rb").readline().decode().strip()
    except OSError:
        return ""


def tcp(lab, name, number, rules, host="*"):
    return [lab.gateway(name, [host], None, number, "TCP"),
            resource("VirtualService", name, {"hosts": [host], "gateways": [name], "tcp": rules})]


def to(name, weight=None, **match):
    target = {"destination": {"host": f"{name}.internal", "port": {"number": 80}}}
    if weight is not None:
        target["weight"] = weight
    return {"route": [target], **({"match": [match]} if match else {})}


def policy(name, **sections):
    return resource("DestinationRule", name, {"host": f"{name}.internal", "trafficPolicy": sections})


@test
def tcp_subnets(q):
    """tcp rules tell connections apart by the caller's and the listener's address, in their order"""
    lab = Lab.get(q)
    backends = {name: Backend(saying(name)) for name in ("north", "south", "rest")}
    externals = [lab.external(name, b.port, "TCP") for name, b in backends.items()]
    lab.put(*externals, *tcp(lab, "subnets", 9000, [
        to("north", sourceSubnet="127.0.0.2", destinationSubnets=["127.0.0.1/32"]),
        to("south", sourceSubnet="127.0.0.0/29"), to("rest", destinationSubnets=["10.0.0.0/8", "127.0.0.0/8"])]))
    eventually(lambda: greeting(lab, 9000, "127.0.0.2") == "north", 10, what="north")
    equal(greeting(lab, 9000, "127.0.0.3"), "south", "a wider block")
    equal(greeting(lab, 9000, "127.0.0.9"), "rest", "only the destination fits")
    lab.put(*tcp(lab, "subnets", 9000, [to("north", destinationSubnets=["10.0.0.0/8"])]))
    eventually(lambda: greeting(lab, 9000, "127.0.0.2") == "", 5, what="nobody's")
    lab.put(*tcp(lab, "subnets", 9000, [
        to("rest", sourceSubnet="127.0.0.0/8"), to("north", sourceSubnet="127.0.0.2/32")]))
    eventually(lambda: greeting(lab, 9000, "127.0.0.2") == "rest", 5, what="the first rule that fits")
    for backend in backends.values():
        backend.close()


@test
def tcp_weights_and_attempts(q):
    """connections split by weight; a dead endpoint is passed over; half-closes travel both ways"""
    lab = Lab.get(q)
    first, second = Backend(saying("first")), Backend(saying("second"))
    lab.put(lab.external("first", first.port, "TCP"), lab.external("second", second.port, "TCP"),
            *tcp(lab, "weights", 9001, [{"route": [to("first", 80)["route"][0], to("second", 20)["route"][0]]}]))
    eventually(lambda: greeting(lab, 9001) in ("first", "second"), 10, what="a tunnel")
    said = [greeting(lab, 9001) for _ in range(400)]
    share = said.count("first") / 4
    equal(said.count("first") + said.count("second"), 400)
    expect(70 <= share <= 90, f"first got {share} %")
    # One of two endpoints refuses: every connection still reaches the other.
    dead = socket.create_server(("127.0.0.1", 0))
    port = dead.getsockname()[1]
    dead.close()
    entry = lab.external("first", first.port, "TCP")
    entry["spec"]["endpoints"].append({"address": "127.0.0.1", "ports": {"tcp": port}})
    lab.put(entry, *tcp(lab, "weights", 9001, [to("first")]))
    eventually(lambda: {greeting(lab, 9001) for _ in range(6)} == {"first"}, 10, what="the living endpoint")

    def count(connection):
        total = 0
        while data := connection.recv(65536):
            total += len(data)
        connection.sendall(f"got {total}\n".encode())
        connection.shutdown(socket.SHUT_WR)
        time.sleep(0.2)
    counter = Backend(count)
    lab.put(lab.external("first", counter.port, "TCP"))

    def upload():
        with dial(lab, 9001) as connection:
            connection.sendall(b"x" * 300_000)
            connection.shutdown(socket.SHUT_WR)
            return connection.makefile("rb").read()
    eventually(lambda: upload() == b"got 300000\n", 10, what="the answer to a half-close")

    def last_word(connection):
        connection.sendall(b"bye\n")
        connection.shutdown(socket.SHUT_WR)
        heard.append(connection.recv(100))
    heard = []
    talker = Backend(last_word)
    lab.put(lab.external("first", talker.port, "TCP"))

    def listen_then_speak():
        heard.clear()
        with dial(lab, 9001) as connection:
            if connection.makefile("rb").read() != b"bye\n":
                return False
            connection.sendall(b"still here")
            time.sleep(0.1)
            return heard == [b"still here"]
    eventually(listen_then_speak, 10, what="the client may speak after the backend has ended")
    for backend in (first, second, counter, talker):
        backend.close()


@test
def tcp_timeouts_and_log(q):
    """idle and lifetime limits of the DestinationRule end tunnels; the access log has a line for each"""
    lab = Lab.get(q)
    backend = Backend(saying("quiet"))
    lab.put(lab.external("quiet", backend.port, "TCP"), *tcp(lab, "quiet", 9002, [to("quiet")]),
            policy("quiet", connectionPool={"tcp": {"idleTimeout": "1s"}}))
    eventually(lambda: greeting(lab, 9002) == "quiet", 10, what="a tunnel")

    def lifetime(speaks):
        with dial(lab, 9002) as connection:
            connection.settimeout(0.3)
            start = time.monotonic()
            while time.monotonic() - start < 4:
                try:
                    if not connection.recv(100):
                        break
                except TimeoutError:
                    if speaks:
                        connection.sendall(b".")
            return time.monotonic() - start
    eventually(lambda: 0.8 < lifetime(False) < 3, 10, what="an idle tunnel ends")
    expect(lifetime(True) >= 4, "a busy tunnel goes on")
    lab.put(policy("quiet", connectionPool={"tcp": {"maxConnectionDuration": "1s"}}))
    eventually(lambda: 0.8 < lifetime(True) < 3, 10, what="a long tunnel ends")

    def logged():
        lines = [json.loads(line) for line in lab.log("serve").splitlines() if line.startswith("{")]
        mine = [line for line in lines if line.get("upstream_cluster") == "outbound|80||quiet.internal"]
        details = {line.get("connection_termination_details") or line.get("response_code_details") for line in mine}
        return {"idle_timeout", "max_connection_duration"} <= details and any(
            line.get("bytes_received", 0) > 0 and line.get("bytes_sent", 0) > 0 for line in mine)
    eventually(logged, 5, what="log lines of tunnels")
    backend.close()


@test
def tls_passthrough(q):
    """TLS is passed on unopened by exact and wildcard server names, and by destination"""
    lab = Lab.get(q)
    certificate = lab.ca.issue("inner", ["exact.pass.test", "any.pass.test"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(lab.pki, "inner.pem"), os.path.join(lab.pki, "inner.key"))

    def secure(word):
        def serve(connection):
            with context.wrap_socket(connection, server_side=True) as tls:
                tls.sendall(word.encode() + b"\n")
        return serve
    backends = {name: Backend(secure(name)) for name in ("exact", "wild", "far")}

    def rule(name, host, *subnets):
        match = {"port": 443, "sniHosts": [host], **({"destinationSubnets": list(subnets)} if subnets else {})}
        return {"match": [match], "route": to(name)["route"]}
    lab.put(*(lab.external(name, b.port, "TLS") for name, b in backends.items()),
            lab.gateway("pass", ["*.pass.test"], {"mode": "PASSTHROUGH"}, 443, "TLS"),
            resource("VirtualService", "pass", {"hosts": ["*.pass.test"], "gateways": ["pass"], "tls": [
                rule("far", "exact.pass.test", "10.0.0.0/8"), rule("exact", "exact.pass.test"),
                rule("wild", "*.pass.test")]}))

    def said(name):
        with socket.create_connection(("127.0.0.1", lab.listen[443]), 5) as plain:
            with lab.context().wrap_socket(plain, server_hostname=name) as tls:
                serial = tls.getpeercert()["serialNumber"].lstrip("0")
                return tls.makefile("rb").readline().decode().strip(), serial == f"{certificate.serial_number:X}"

    def says(name, word):
        try:
            return said(name) == (word, True)
        except (ssl.SSLError, ConnectionError):
            return False
    eventually(lambda: says("exact.pass.test", "exact"), 10, what="the exact name")
    eventually(lambda: says("any.pass.test", "wild"), 5, what="the wildcard")
    lab.put(resource("VirtualService", "pass", {"hosts": ["*.pass.test"], "gateways": ["pass"], "tls": [
        rule("far", "exact.pass.test", "127.0.0.0/8"), rule("exact", "exact.pass.test"), rule("wild", "*.pass.test")]}))
    eventually(lambda: says("exact.pass.test", "far"), 5, what="by destination")
    expect(says("any.pass.test", "wild"), "the wildcard beside a destination rule")
    # Servers that end TLS on the same port are still there.
    lab.ca.issue("beside", ["beside.test"])
    lab.put(lab.secret("beside", "beside"), *lab.https("beside.test", {"mode": "SIMPLE", "credentialName": "beside"}))
    lab.served("beside.test")
    for backend in backends.values():
        backend.close()


@test
def proxy_protocol_out(q):
    """a DestinationRule's PROXY header names the client to the endpoint, before TLS, over TCP and HTTP"""
    lab = Lab.get(q)
    signature = b"\r\n\r\n\0\r\nQUIT\n"
    seen = []

    def behind(data):
        """What follows the header; everything when there is none."""
        if data.startswith(signature):
            return data[16 + int.from_bytes(data[14:16], "big"):]
        return data.partition(b"\r\n")[2] if data.startswith(b"PROXY ") else data

    def record(connection):
        data = connection.recv(65536)
        # The header is sent as soon as the connection stands; what the client says may come in a segment of its own.
        while not behind(data) and (more := connection.recv(65536)):
            data += more
        seen.append(data)
        if b"HTTP/1.1" in data:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            while connection.recv(65536):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        else:
            connection.sendall(b"seen\n")
    backend = Backend(record)
    lab.put(lab.external("proxied", backend.port, "TCP"), *tcp(lab, "proxied", 9003, [to("proxied")]),
            policy("proxied", proxyProtocol={"version": "V1"}))
    eventually(lambda: greeting(lab, 9003, prefix=b"hello") == "seen" and seen[-1].startswith(b"PROXY "), 10,
               what="version 1")
    with dial(lab, 9003, "127.0.0.7", b"hello") as connection:
        own = connection.getsockname()[1]
        connection.recv(10)
    equal(seen[-1], f"PROXY TCP4 127.0.0.7 127.0.0.1 {own} {lab.listen[9003]}\r\nhello".encode())
    lab.put(policy("proxied", proxyProtocol={"version": "V2"}))
    eventually(lambda: greeting(lab, 9003, prefix=b"hello") == "seen" and seen[-1].startswith(signature), 5,
               what="version 2")
    with dial(lab, 9003, "127.0.0.7", b"hello") as connection:
        own = connection.getsockname()[1]
        connection.recv(10)
    ports = struct.pack(">HH", own, lab.listen[9003])
    addresses = socket.inet_aton("127.0.0.7") + socket.inet_aton("127.0.0.1") + ports
    equal(seen[-1], signature + b"\x21\x11\x00\x0c" + addresses + b"hello")
    # HTTP: every client has connections of its own.
    lab.put(lab.external("announced", backend.port), policy("announced", proxyProtocol={}),
            lab.gateway("announced", ["announced.test"], None, 80, "HTTP"),
            resource("VirtualService", "announced", {
                "hosts": ["announced.test"], "gateways": ["announced"], "http": [{"route": to("announced")["route"]}]}))
    request = b"GET / HTTP/1.1\r\nHost: announced.test\r\n\r\n"

    def asked(source, times=1):
        with dial(lab, 80, source) as connection:
            for _ in range(times):
                connection.sendall(request)
                if b" 200 " not in connection.recv(65536):
                    return None
            return connection.getsockname()
    eventually(lambda: asked("127.0.0.8"), 10, what="HTTP with a header in front")
    seen.clear()
    for source in ("127.0.0.8", "127.0.0.9"):
        address = asked(source, times=3)
        expect(seen[-1].startswith(f"PROXY TCP4 {source} 127.0.0.1 {address[1]} {lab.listen[80]}\r\nGET / ".encode()),
               seen[-1])
    equal(len(seen), 2, "connections are reused for one client and not shared between two")
    # TLS follows the header.
    lab.put(policy("announced", proxyProtocol={"version": "V2"},
                   tls={"mode": "SIMPLE", "insecureSkipVerify": True, "sni": "x.test"}))
    eventually(lambda: asked("127.0.0.8") is None and seen[-1].startswith(signature) and seen[-1][28:29] == b"\x16", 10,
               what="a ClientHello behind the header")
    backend.close()


@test
def proxy_protocol_in(q):
    """gatewayTopology.proxyProtocol: the header names the client, on plain and TLS ports; no header, no service"""
    lab = Lab.get(q)
    lab.ca.issue("fronted", ["fronted.test"])
    lab.put(lab.secret("fronted", "fronted"),
            *lab.https("fronted.test", {"mode": "SIMPLE", "credentialName": "fronted"}),
            lab.gateway("fronted-plain", ["fronted.test"], None, 80, "HTTP"),
            resource("VirtualService", "fronted-plain", {
                "hosts": ["fronted.test"], "gateways": ["fronted-plain"], "http": [{"route": to("origin")["route"]}]}))
    lab.served("fronted.test")
    mesh = {"apiVersion": "gatehouse.io/v1", "kind": "MeshConfig", "metadata": {"name": "default"}, "spec": {}}
    one = b"PROXY TCP4 198.51.100.7 203.0.113.9 4711 443\r\n"
    two = (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c" + socket.inet_aton("198.51.100.8") + socket.inet_aton("203.0.113.9")
           + struct.pack(">HH", 4712, 443))
    local = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00"
    request = b"GET / HTTP/1.1\r\nHost: fronted.test\r\nConnection: close\r\n\r\n"

    def told(header, secure, pieces=1):
        """What the origin was told of the client; empty when the connection ended."""
        try:
            with socket.create_connection(("127.0.0.1", lab.listen[443 if secure else 80]), 5) as plain:
                for start in range(0, len(header), step := max(1, len(header) // pieces)):
                    plain.sendall(header[start:start + step])
                    time.sleep(0.02 if pieces > 1 else 0)
                stream = lab.context().wrap_socket(plain, server_hostname="fronted.test") if secure else plain
                stream.sendall(request)
                data = b""
                while piece := stream.recv(65536):
                    data += piece
        except OSError:
            return ""
        body = data.partition(b"\r\n\r\n")[2]
        return json.loads(body)["headers"]["x-forwarded-for"] if body.startswith(b"{") else ""
    try:
        lab.put({**mesh, "spec": {"defaultConfig": {"gatewayTopology": {"proxyProtocol": {}}}}})
        eventually(lambda: told(one, False) == "198.51.100.7", 10, what="version 1")
        for secure in (False, True):
            equal(told(one, secure), "198.51.100.7", f"version 1, TLS {secure}")
            equal(told(two, secure), "198.51.100.8", f"version 2, TLS {secure}")
            equal(told(one, secure, pieces=5), "198.51.100.7", "in pieces")
            equal(told(local, secure), "127.0.0.1", "LOCAL")
            equal(told(b"PROXY UNKNOWN\r\n", secure), "127.0.0.1", "UNKNOWN")
            equal(told(b"", secure), "", "no header")
            equal(told(b"PROXY TCP4 nonsense\r\n", secure), "", "a broken header")
    finally:
        lab.put(mesh)
    lab.served("fronted.test")
