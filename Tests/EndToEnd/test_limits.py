"""Limits, deadlines and overload of a gateway, set over the API and felt on the wire."""
import http.client
import resource
import socket
import time

from harness import Load, equal, eventually, expect, test
from test_api import child

POLICIES = "/apis/gatehouse.io/v1/namespaces/default/edgepolicies"
MESH = "/apis/gatehouse.io/v1/meshconfigs/default"
HOST = "shop.example.com"
REQUEST = f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
INGRESS = "istio-ingressgateway"


def connect(q):
    return socket.create_connection(("127.0.0.1", q.ports["http"]), 5)


def status(q, extra=b""):
    """The status of one plain request on a connection of its own; 0 when there is no answer."""
    with connect(q) as s:
        s.sendall(REQUEST[:-2] + extra + b"\r\n")
        s.settimeout(5)
        try:
            head = s.recv(4096)
        except OSError:
            return 0
        return int(head.split(b" ")[1]) if head.startswith(b"HTTP/1.1 ") else 0


def ended_after(s, seconds, drip=b""):
    """Seconds until the peer closes, and what it said; None when it does not within `seconds`."""
    start, said = time.monotonic(), b""
    s.settimeout(0.1)
    while time.monotonic() - start < seconds:
        try:
            data = s.recv(4096)
            if not data:
                return time.monotonic() - start, said
            said += data
        except TimeoutError:
            pass
        except OSError:
            return time.monotonic() - start, said
        try:
            if drip:
                s.send(drip)
        except OSError:
            pass
    return None, said


class Policy:
    """An EdgePolicy for the ingress Gateway, in force while the block runs."""

    def __init__(self, q, **settings):
        self.q, self.settings = q, settings

    def __enter__(self):
        target = {"kind": "Gateway", "name": "public"}
        body = {"apiVersion": "gatehouse.io/v1", "kind": "EdgePolicy", "metadata": {"name": "limits"},
                "spec": {"targetRef": target, **self.settings}}
        self.q.api("POST", POLICIES, body)
        eventually(self.is_programmed, 10, what="the policy is programmed")

    def is_programmed(self):
        conditions = self.q.api("GET", POLICIES + "/limits").get("status", {}).get("conditions", [])
        return any(c["type"] == "Programmed" and c["status"] == "True" for c in conditions)

    def __exit__(self, *_):
        self.q.api("DELETE", POLICIES + "/limits")
        eventually(lambda: status(self.q) == 200, 10, what="traffic after the policy has gone")


class Overload:
    """Mesh-wide overload settings, in force while the block runs."""

    def __init__(self, q, **settings):
        self.q, self.settings = q, settings

    def patch(self, value):
        self.q.api("PATCH", MESH, {"spec": {"overload": value}}, content_type="application/merge-patch+json")

    def __enter__(self):
        self.patch(self.settings)
        return self

    def __exit__(self, *_):
        self.patch(None)


@test
def policy_limits(q):
    """an EdgePolicy limits header fields, header bytes and connections, and leaves again"""
    equal(status(q), 200)
    with Policy(q, limits={"requestHeaderCount": 10, "requestHeaderBytes": 2048, "connections": 3}):
        eventually(lambda: status(q, b"".join(b"x%d: y\r\n" % i for i in range(20))) == 431, what="431 by fields")
        equal(status(q, b"x: " + b"y" * 3000 + b"\r\n"), 431, "header bytes")
        held = [connect(q) for _ in range(3)]
        for s in held:
            s.sendall(REQUEST)
            expect(s.recv(4096).startswith(b"HTTP/1.1 200"), "a connection within the limit")
        expect(eventually(lambda: status(q) == 0, what="one connection too many"), "refused")
        for s in held:
            s.sendall(REQUEST)
            expect(s.recv(4096).startswith(b"HTTP/1.1 200"), "held connections go on")
            s.close()
        eventually(lambda: status(q) == 200, what="room again")


@test
def policy_deadlines(q):
    """an EdgePolicy sets the deadlines for a head, an idle connection and a TLS handshake"""
    with Policy(q, timeouts={"requestHeaders": "1s", "connectionIdle": "1s", "tlsHandshake": "1s"}):
        def within(took, low, high, what):
            expect(took is not None and low <= took <= high, f"{what}: {took}")
        eventually(lambda: (ended_after(connect(q), 1.6)[0] or 9) < 1.6, what="nothing sent")
        s = connect(q)
        s.sendall(REQUEST[:-2] + b"X: ")
        took, said = ended_after(s, 4, b"a")
        within(took, 0.8, 2, "head drip")
        expect(b" 408 " in said, said)
        s = connect(q)
        s.sendall(REQUEST)
        within(ended_after(s, 4)[0], 0.8, 2, "idle keep-alive")
        s = socket.create_connection(("127.0.0.1", q.ports["https"]), 5)
        s.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        within(ended_after(s, 4)[0], 0.8, 2, "half a ClientHello")


@test
def overload_sheds(q):
    """under pressure requests are answered 503 with Retry-After and connections end; relief comes within 2 s"""
    equal(status(q), 200)
    # Marks below what the process uses anyway: pressure without filling memory.
    with Overload(q, memoryBytes=256 << 20, disableKeepAlivePercent=10, refuseRequestsPercent=10,
                  refuseConnectionsPercent=100) as overload:
        def refused():
            connection = http.client.HTTPConnection("127.0.0.1", q.ports["http"], timeout=5)
            connection.request("GET", "/", headers={"Host": HOST})
            answer = connection.getresponse()
            return answer.status == 503 and answer.getheader("retry-after") == "1" and answer.will_close
        eventually(refused, what="503 with Retry-After and close")
        start = time.monotonic()
        overload.patch(None)
        eventually(lambda: status(q) == 200, 5, what="relief")
        took = time.monotonic() - start
    expect(took < 2.5, f"relief took {took:.1f} s")


@test
def descriptors_run_out(q):
    """with 256 descriptors and 1,000 connections: no spin, requests go on, and accepting resumes"""
    pid = child(q, "gateway", INGRESS)
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (256, before[1]))
    own = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (own[1], own[1]))
    crowd = []
    try:
        time.sleep(0.6)
        with Load(q.ports["http"], HOST, clients=2, pause=0.02) as load:
            time.sleep(0.3)
            for _ in range(1000):
                s = socket.socket()
                s.setblocking(False)
                s.connect_ex(("127.0.0.1", q.ports["http"]))
                crowd.append(s)
            time.sleep(0.5)
            used = cpu(pid)
            time.sleep(2)
            used = cpu(pid) - used
        equal(load.failures, [], "requests on open connections")
        expect(used < 0.4, f"{used:.2f} s of CPU in 2 s")
        expect(q.curl(f"http://127.0.0.1:{q.ports['dev']}/healthz")[0] == 200, "the admin API")
        for s in crowd:
            s.close()
        crowd = []
        eventually(lambda: status(q) == 200, 5, what="accepting again")
    finally:
        for s in crowd:
            s.close()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        time.sleep(0.3)


def cpu(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
