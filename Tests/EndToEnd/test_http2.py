"""HTTP/2 and gRPC with clients that others wrote: h2spec, curl, nghttp, h2load, grpcio, a browser; and gRPC-Web by hand."""
import base64
import http.client
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

from harness import ROOT, Skip, equal, eventually, expect, test

sys.path.insert(0, os.path.join(ROOT, "Tests", "Conformance"))
from rig import Rig, resource  # noqa: E402
from quickstart import free_port, run  # noqa: E402

CONFORMANCE = os.path.join(ROOT, "Tests", "Conformance")
running = {}


def interpreter_with_grpc():
    """This Python, or the one that GATEHOUSE_PYTHON names, if it has grpcio."""
    for python in (os.environ.get("GATEHOUSE_PYTHON"), sys.executable):
        if python and subprocess.run([python, "-c", "import grpc"], capture_output=True).returncode == 0:
            return python
    return None


class HTTP2Rig(Rig):
    """The conformance rig with a gRPC service behind the gateway, once directly and once through a sidecar."""

    def __init__(self, folder, binary):
        super().__init__(folder, binary=binary)
        self.grpc_port = free_port()
        self.python = interpreter_with_grpc()

    def virtual_service(self, name, gateway, destination):
        service = super().virtual_service(name, gateway, destination)
        host = "grpc.internal" if gateway == "direct" else "grpcapp"
        service["spec"]["http"].insert(0, {
            "match": [{"uri": {"prefix": "/test.Echo/"}}], "timeout": "0s",
            "route": [{"destination": {"host": host, "port": {"number": 80}}}],
            "retries": {"attempts": 3, "retryOn": "unavailable,cancelled"}})
        service["spec"]["http"][-1]["match"] = [{"uri": {"regex": "/[^t].*|/"}}]
        return service

    def resources(self):
        entry = self.external("grpc", self.grpc_port)
        entry["spec"]["ports"] = [{"number": 80, "name": "grpc", "protocol": "GRPC"}]
        entry["spec"]["endpoints"][0]["ports"] = {"grpc": self.grpc_port}
        policy = resource("EdgePolicy", "direct", {
            "targetRef": {"kind": "Gateway", "name": "direct"}, "grpc": {"web": True}}, "gatehouse.io/v1")
        app = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "grpcapp", "namespace": "default"},
               "spec": {"selector": {"app": "grpcapp"}, "ports": [{"name": "grpc", "port": 80, "targetPort": "grpc"}]}}
        return super().resources() + [entry, policy, app]

    def start_grpc(self):
        self.spawn("grpc", [self.python, os.path.join(CONFORMANCE, "grpc_echo.py"), str(self.grpc_port)])
        eventually(lambda: socket.create_connection(("127.0.0.1", self.grpc_port), 1).close() is None, 20, what="gRPC")
        state = os.path.join(self.folder, "sidecars", "grpcapp")
        os.makedirs(state, mode=0o700, exist_ok=True)
        ready, token = os.path.join(state, "ready.json"), os.path.join(state, "token")
        with open(os.open(token, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            f.write(self.join_token("app"))
        ports = {n: free_port() for n in ("inbound", "outbound", "admin")}
        process = self.spawn("grpcapp", [
            self.binary, "sidecar", "--control-plane", f"127.0.0.1:{self.ports['xds']}",
            "--ca-file", os.path.join(self.data, "root-cert.pem"), "--token-file", token, "--namespace", "default",
            "--service-account", "app", "--workload", "grpcapp", "--state-dir", state, "--labels", "app=grpcapp",
            "--app", f"{self.grpc_port}:grpc:grpc", "--inbound-listen", f"127.0.0.1:{ports['inbound']}",
            "--outbound-listen", f"127.0.0.1:{ports['outbound']}", "--admin-listen", f"127.0.0.1:{ports['admin']}",
            "--ready-file", ready])
        self.wait_for_file(ready, process)


def rig(q):
    """One rig for all tests here; it ends with the run."""
    if "rig" not in running:
        folder = tempfile.mkdtemp(prefix="gatehouse-h2-")
        os.chmod(folder, 0o711)  # nginx gives its workers another user
        made = HTTP2Rig(folder, q.binary)
        running["rig"] = made
        stop = q.stop_all

        def stop_both():
            made.stop_all()
            shutil.rmtree(folder, ignore_errors=True)
            stop()

        q.stop_all = stop_both
        made.up()
        if made.python:
            made.start_grpc()
    return running["rig"]


def tool(name):
    found = shutil.which(name)
    if not found:
        raise Skip(f"{name} is not installed")
    return found


def output(*command, seconds=60):
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds).stdout


@test
def h2spec_passes(q):
    """h2spec passes completely, over TLS and on a plain port by prior knowledge"""
    program, r = tool("h2spec"), rig(q)
    for name, more in (("anytls", ("-t", "-k")), ("plain", ())):
        text = output(program, "-h", "127.0.0.1", "-p", str(r.listeners[name]), "-P", "/fast", "-S", *more, seconds=120)
        match = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", text)
        expect(match and match[4] == "0" and int(match[2]) + int(match[3]) == int(match[1]) >= 146,
               f"{name}: {text[text.find('Failures'):][:2000]}")


@test
def curl_http2(q):
    """curl speaks HTTP/2 over TLS, by prior knowledge, and stays on HTTP/1.1 when it offers h2c"""
    r = rig(q)
    ca = ("--cacert", r.test_certs.path("ca.pem"), "--resolve", f"gw.test:{r.listeners['tls']}:127.0.0.1")
    form = ("-s", "-o", "/dev/null", "-w", "%{http_code} %{http_version} %{size_download}")
    equal(output("curl", *form, *ca, "--http2", f"https://gw.test:{r.listeners['tls']}/fast/1m"), "200 2 1048576")
    plain = f"http://127.0.0.1:{r.listeners['plain']}/fast"
    equal(output("curl", *form, "--http2-prior-knowledge", plain), "200 2 3")
    equal(output("curl", *form, "--http2", plain), "200 1.1 3")
    body = os.path.join(r.folder, "5m")
    with open(body, "wb") as f:
        f.write(os.urandom(5_000_000))
    upload = output("curl", *form, *ca, "--http2", "--data-binary", "@" + body,
                    f"https://gw.test:{r.listeners['tls']}/upload", seconds=120)
    equal(upload.split()[:2], ["200", "2"])


@test
def nghttp_client(q):
    """nghttp gets a page and its trailers end"""
    program, r = tool("nghttp"), rig(q)
    text = output(program, "-nv", f"https://127.0.0.1:{r.listeners['tls']}/fast", "-H", ":authority: gw.test")
    expect(":status: 200" in text and "ENHANCE" not in text, text[-2000:])


@test
def h2load_client(q):
    """h2load: 20,000 requests on 4 connections with 32 streams each, none fails"""
    program, r = tool("h2load"), rig(q)
    text = output(program, "-n20000", "-c4", "-m32", f"https://gw.test:{r.listeners['tls']}/fast",
                  f"--connect-to=127.0.0.1:{r.listeners['tls']}", seconds=120)
    expect("20000 succeeded, 0 failed, 0 errored" in text, text)


def grpc_results(r, *arguments):
    if not r.python:
        raise Skip("no Python with grpcio (GATEHOUSE_PYTHON may name one)")
    done = subprocess.run([r.python, os.path.join(CONFORMANCE, "grpc_calls.py"), *arguments],
                          capture_output=True, text=True, timeout=120)
    expect(done.returncode == 0, done.stderr[-3000:])
    return json.loads(done.stdout)


def check_grpc(results):
    equal(results["unary"], ["echo:hello", "seen"])
    equal(results["large"], 3_000_005)
    equal(results["server"], "item 299")
    equal(results["client"], "500000")
    equal(results["bidirectional"], ["cba", "ed", "f"])
    equal(results["interleaved"], ["0q", "1q", "2q", "3q", "4q"])
    equal(results["fail"], [[c, f"{c.lower()} é%"] for c in ("NOT_FOUND", "PERMISSION_DENIED", "INTERNAL")])
    equal(results["fail late"], ["DATA_LOSS", "after the first message: 100 %"])
    equal(results["flaky"], "3", "two retries of UNAVAILABLE")
    equal(results["deadline"], "DEADLINE_EXCEEDED")
    expect(results["deadline took"] < 3, results["deadline took"])
    expect(5 < results["timeout seen"] <= 7.1, results["timeout seen"])
    equal(results["no route"][0], "UNIMPLEMENTED")
    equal(results["parallel"], 300)
    equal(results["after cancel"], "echo:still")


@test
def grpc_through_gateway(q):
    """grpcio: unary and all streaming forms, statuses, deadlines, retries and 300 calls at once through the gateway"""
    r = rig(q)
    check_grpc(grpc_results(r, str(r.listeners["tls"]), r.test_certs.path("ca.pem")))


@test
def grpc_through_chain(q):
    """grpcio: the same through gateway and sidecar, over mutual TLS"""
    r = rig(q)
    check_grpc(grpc_results(r, str(r.listeners["chain"])))


def web_call(r, method, message, text=False, body=None):
    kind = "application/grpc-web-text" if text else "application/grpc-web+proto"
    frame = body if body is not None else b"\0" + struct.pack(">I", len(message)) + message
    connection = http.client.HTTPConnection("127.0.0.1", r.listeners["plain"], timeout=20)
    connection.request("POST", "/test.Echo/" + method, base64.b64encode(frame) if text and body is None else frame,
                       {"Host": "gw.test", "Content-Type": kind, "Accept": kind, "X-Grpc-Web": "1"})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    if text:
        content = b"".join(base64.b64decode(part + b"=" * (-len(part) % 4)) for part in
                           re.findall(rb"[A-Za-z0-9+/]+", content))
    messages, trailers, at = [], {}, 0
    while at < len(content):
        length = struct.unpack(">I", content[at + 1:at + 5])[0]
        piece = content[at + 5:at + 5 + length]
        if content[at] & 0x80:
            trailers = dict(line.split(b":", 1) for line in piece.split(b"\r\n") if line)
        else:
            messages.append(piece)
        at += 5 + length
    return response, messages, {k.decode(): v.decode().strip() for k, v in trailers.items()}


@test
def grpc_web(q):
    """gRPC-Web, binary and text: messages, statuses in the last frame, errors of the proxy"""
    r = rig(q)
    if not r.python:
        raise Skip("no Python with grpcio (GATEHOUSE_PYTHON may name one)")
    for text in (False, True):
        response, messages, trailers = web_call(r, "Unary", b"hi", text)
        equal((response.status, messages, trailers.get("grpc-status"), trailers.get("x-trailer")),
              (200, [b"echo:hi"], "0", "seen"), f"text {text}")
        equal(response.getheader("content-type"),
              "application/grpc-web-text+proto" if text else "application/grpc-web+proto")
        _, messages, trailers = web_call(r, "ServerStream", b"20", text)
        equal((len(messages), messages[-1], trailers["grpc-status"]), (20, b"item 19", "0"))
        _, messages, trailers = web_call(r, "FailLate", b"", text)
        equal((messages, trailers["grpc-status"]), ([b"first"], "15"))
        response, messages, trailers = web_call(r, "Fail", b"NOT_FOUND gone", text)
        equal((messages, trailers.get("grpc-status") or response.getheader("grpc-status")), ([], "5"))
        equal(len(web_call(r, "Unary", b"y" * 200_000, text)[1][0]), 200_005)
    response, _, trailers = web_call(r, "../test.Nobody/Call", b"x")
    equal((response.status, response.getheader("grpc-status")), (200, "12"), "no route")
    response, _, _ = web_call(r, "Unary", b"", text=True, body=b"!!!!")
    equal(response.getheader("grpc-status"), "13", "no base64")


@test
def browser(q):
    """a browser over HTTP/2 with two hosts on one wildcard certificate: both pages load, on one connection or after 421"""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not program:
        raise Skip("no Chromium is installed")
    r = rig(q)
    port, folder = r.listeners["tls"], tempfile.mkdtemp(dir=r.folder)
    page = f"<img src=x><script>Promise.all(['a','b'].map(h=>fetch('https://'+h+'.gw.test:{port}/fast',{{mode:'no-cors'}})" \
           ".then(r=>'ok',e=>'bad'))).then(x=>document.title=x.join(' '))</script>"
    path = os.path.join(folder, "page.html")
    with open(path, "w") as f:
        f.write(page)
    net = os.path.join(folder, "net.json")
    text = output(program, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile",
                  "--ignore-certificate-errors", f"--host-resolver-rules=MAP *.gw.test 127.0.0.1",
                  f"--log-net-log={net}", "--virtual-time-budget=8000", "--dump-dom", "file://" + path, seconds=90)
    expect("<title>ok ok</title>" in text, text[-1500:])
    with open(net) as f:
        log = f.read()
    expect(log.count('"h2"') or "HTTP2_SESSION" in log, "the browser did not use HTTP/2")
