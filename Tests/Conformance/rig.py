#!/usr/bin/env python3
"""Brings up the whole product for conformance and abuse tools: listeners, certificates, origins, and a chain.

    plain, tls, mtls, anytls   gateway -> origin           (tls: gw.test, *.gw.test and b.test by SNI; anytls: any name)
    chain                      gateway -> sidecar -> origin
    /fast, /fast/1m            a quick second origin behind every listener (`ok`, 1 MiB)

As a program it prints one JSON line with ports, process ids and folders, and ends when standard input closes.
Everything listens on loopback; every process it starts ends with it.
"""
import argparse
import http.client
import json
import os
import shutil
import signal
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SHARED = os.path.join(os.path.dirname(ROOT), "shared")
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "Examples", "quickstart"))
from quickstart import Quickstart, free_port, run  # noqa: E402

# Port of the gateway's Gateway resource: name in the JSON.
LISTENERS = {80: "plain", 8080: "chain", 443: "tls", 8443: "mtls", 9443: "anytls"}

NGINX = """daemon off;
worker_processes 1;
pid {run}/nginx.pid;
error_log {run}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {run}/body; proxy_temp_path {run}/proxy; fastcgi_temp_path {run}/fastcgi;
  uwsgi_temp_path {run}/uwsgi; scgi_temp_path {run}/scgi;
  keepalive_requests 100000; client_max_body_size 0;
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    default_type text/plain;
    location / {{ return 200 "ok\\n"; }}
    location = /fast/1m {{ alias {run}/1m; }}
  }}
}}
"""

CA_CONFIG = """[ca]
default_ca = this
[this]
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""


class TestCertificates:
    """Two authorities, server certificates, and client certificates good and bad. The names are those of
    tools that read a folder of certificates: ca, otherca, server, server2, client-*."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        open(self.path("index.txt"), "w").close()
        with open(self.path("ca.cnf"), "w") as f:
            f.write(CA_CONFIG.format(folder=folder))

    def path(self, name):
        return os.path.join(self.folder, name)

    def text(self, name):
        with open(self.path(name)) as f:
            return f.read()

    def authority(self, name, subject):
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-subj", f"/CN={subject}", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", self.path(name + ".key"), "-out", self.path(name + ".pem"))

    def issue(self, name, subject, usage, names="", authority="ca", valid=(-1, 30)):
        day = 86_400
        start, end = (time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + d * day)) for d in valid)
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
            f"/CN={subject}", "-keyout", self.path(name + ".key"), "-out", self.path(name + ".csr"))
        with open(self.path(name + ".ext"), "w") as f:
            f.write("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                    f"extendedKeyUsage={usage}\n" + (f"subjectAltName={names}\n" if names else ""))
        run("openssl", "ca", "-batch", "-notext", "-config", self.path("ca.cnf"), "-cert",
            self.path(authority + ".pem"),
            "-keyfile", self.path(authority + ".key"), "-in", self.path(name + ".csr"), "-out",
            self.path(name + ".pem"),
            "-extfile", self.path(name + ".ext"), "-startdate", start, "-enddate", end)

    def make(self):
        self.authority("ca", "Test Root")
        self.authority("otherca", "Other Root")
        self.issue("server", "gw.test", "serverAuth", "DNS:gw.test,DNS:*.gw.test,DNS:localhost,IP:127.0.0.1")
        self.issue("server2", "b.test", "serverAuth", "DNS:b.test")
        client = "URI:spiffe://cluster.local/ns/default/sa/client"
        self.issue("client-good", "client-good", "clientAuth", client)
        self.issue("client-expired", "client-expired", "clientAuth", valid=(-30, -1))
        self.issue("client-notyet", "client-notyet", "clientAuth", valid=(10, 30))
        self.issue("client-wrongca", "client-wrongca", "clientAuth", authority="otherca")
        self.issue("client-noeku", "client-noeku", "serverAuth")
        self.authority("client-selfsigned", "client-selfsigned")
        return self


def resource(kind, name, spec, version="networking.istio.io/v1", namespace="default"):
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


class Rig(Quickstart):
    def __init__(self, folder, binary=None, workers=1, normalization="DECODE_AND_MERGE_SLASHES", with_chain=True):
        super().__init__(folder, binary=binary, workers=workers)
        self.normalization = normalization
        self.with_chain = with_chain
        self.listeners = {name: free_port() for name in LISTENERS.values()}
        self.origin_port = None
        self.control_port = None
        self.fast_port = free_port()
        self.test_certs = TestCertificates(os.path.join(folder, "test-certs"))

    def start_appliance(self, extra=()):
        ready = os.path.join(self.folder, "ready.json")
        if os.path.exists(ready):
            os.remove(ready)
        p = self.ports
        gateway = ",".join(f"ingress/{number}:127.0.0.1:{self.listeners[name]}" for number, name in LISTENERS.items())
        process = self.spawn("serve", [
            self.binary, "serve", "--data-dir", self.data,
            "--admin-listen", f"127.0.0.1:{p['admin']}", "--dev-http", f"127.0.0.1:{p['dev']}",
            "--xds-listen", f"127.0.0.1:{p['xds']}", "--dev-xds", f"127.0.0.1:{p['devxds']}",
            "--workers", str(self.workers), "--public-dir", os.path.join(ROOT, "Public"),
            "--port-map", f"{gateway},egress/443:127.0.0.1:{p['egress443']},egress/80:127.0.0.1:{p['egress80']}",
            "--ready-file", ready, *extra])
        return self.wait_for_file(ready, process)

    # Origins

    def start_recorder(self, script=None, environment=None):
        """The recording origin: ours, or another with the same arguments. Sets origin_port and control_port."""
        script = script or os.path.join(HERE, "recorder.py")
        self.origin_port, self.control_port = free_port(), free_port()
        self.spawn("recorder", [sys.executable, script, str(self.origin_port), str(self.control_port)],
                   env={**os.environ, **(environment or {})})
        self.wait_for_port(self.control_port)

    def start_fast(self):
        folder = os.path.join(self.folder, "nginx")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "1m"), "wb") as f:
            f.write(b"x" * (1 << 20))
        path = os.path.join(folder, "nginx.conf")
        with open(path, "w") as f:
            f.write(NGINX.format(run=folder, port=self.fast_port))
        self.spawn("fast", [shutil.which("nginx") or "/usr/sbin/nginx", "-p", folder, "-c", path])
        self.wait_for_port(self.fast_port)

    @staticmethod
    def wait_for_port(port, seconds=20, path="/"):
        """Until an HTTP answer other than 404 and 503 comes back."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", path, headers={"Host": "gw.test"})
                status = connection.getresponse().status
                connection.close()
                if status not in (404, 503):
                    return
            except (OSError, http.client.HTTPException) as error:
                status = error
            if time.monotonic() > deadline:
                raise RuntimeError(f"port {port} does not answer: {status}")
            time.sleep(0.05)

    # Resources

    def external(self, name, port):
        return resource("ServiceEntry", name, {
            "hosts": [f"{name}.internal"], "location": "MESH_EXTERNAL", "resolution": "STATIC",
            "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
            "endpoints": [{"address": "127.0.0.1", "ports": {"http": port}}]})

    def virtual_service(self, name, gateway, destination):
        def route(host):
            return {"route": [{"destination": {"host": host, "port": {"number": 80}}}], "retries": {"attempts": 0}}
        fast = {"match": [{"uri": {"prefix": "/fast"}}], **route("fast.internal")}
        return resource("VirtualService", name, {
            "hosts": ["*"], "gateways": [gateway], "http": [fast, route(destination)]})

    def secret(self, name, certificate, authority=None):
        data = {"tls.crt": self.test_certs.text(certificate + ".pem"),
                "tls.key": self.test_certs.text(certificate + ".key")}
        if authority:
            data["ca.crt"] = self.test_certs.text(authority + ".pem")
        return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque" if authority else "kubernetes.io/tls",
                "metadata": {"name": name, "namespace": "istio-system"}, "stringData": data}

    @staticmethod
    def server(number, hosts, tls=None):
        protocol = "HTTPS" if tls else "HTTP"
        server = {"port": {"number": number, "name": f"{protocol.lower()}-{number}-{hosts[0].replace('*', 'any')}",
                           "protocol": protocol}, "hosts": hosts}
        return {**server, "tls": tls} if tls else server

    def resources(self):
        simple = {"mode": "SIMPLE", "credentialName": "server"}
        selector = {"istio": "ingressgateway"}
        items = [
            self.secret("server", "server"), self.secret("server2", "server2"), self.secret("mtls", "server", "ca"),
            resource("MeshConfig", "default", {
                "pathNormalization": {"normalization": self.normalization},
                "edgeDefaults": {"http1": {"acceptHttp10": True, "defaultHost": "default.test"}}}, "gatehouse.io/v1"),
            resource("Gateway", "direct", {"selector": selector, "servers": [
                self.server(80, ["*"]),
                self.server(443, ["gw.test", "*.gw.test"], simple),
                self.server(443, ["b.test"], {"mode": "SIMPLE", "credentialName": "server2"}),
                self.server(8443, ["gw.test"], {"mode": "MUTUAL", "credentialName": "mtls"}),
                self.server(9443, ["*"], simple)]}),
            self.external("origin", self.origin_port), self.external("fast", self.fast_port),
            self.virtual_service("direct", "direct", "origin.internal"),
        ]
        del items[3]["metadata"]["namespace"]
        if self.with_chain:
            items += [
                {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app", "namespace": "default"}},
                {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "app", "namespace": "default"},
                 "spec": {"selector": {"app": "app"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}},
                resource("Gateway", "chain", {"selector": selector, "servers": [self.server(8080, ["*"])]}),
                self.virtual_service("chain", "chain", "app"),
            ]
        return items

    def apply_items(self, items):
        """Applies resources given as Python values."""
        path = os.path.join(self.folder, "rig.json")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            json.dump({"apiVersion": "v1", "kind": "List", "items": items}, f)
        return self.apply(path)

    def start_chain(self):
        """A sidecar whose application is the origin."""
        state = os.path.join(self.folder, "sidecars", "app")
        os.makedirs(state, mode=0o700, exist_ok=True)
        ready, token = os.path.join(state, "ready.json"), os.path.join(state, "token")
        with open(os.open(token, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            f.write(self.join_token("app"))
        ports = {n: free_port() for n in ("inbound", "outbound", "admin")}
        self.sidecars["app"] = ports
        process = self.spawn("app", [
            self.binary, "sidecar", "--control-plane", f"127.0.0.1:{self.ports['xds']}",
            "--ca-file", os.path.join(self.data, "root-cert.pem"), "--token-file", token, "--namespace", "default",
            "--service-account", "app", "--workload", "app", "--state-dir", state, "--labels", "app=app",
            "--app", f"{self.origin_port}:http:http", "--inbound-listen", f"127.0.0.1:{ports['inbound']}",
            "--outbound-listen", f"127.0.0.1:{ports['outbound']}", "--admin-listen", f"127.0.0.1:{ports['admin']}",
            "--ready-file", ready])
        self.wait_for_file(ready, process)

    def up(self, origin=None, control=None):
        """Starts everything. Without `origin` (a port) the recording origin of this folder is started."""
        self.test_certs.make()
        if origin:
            self.origin_port, self.control_port = origin, control
        elif self.origin_port is None:
            self.start_recorder()
        self.start_fast()
        self.start_appliance()
        self.apply_items(self.resources())
        if self.with_chain:
            self.start_chain()
        self.wait_for_port(self.listeners["plain"])
        if self.with_chain:
            self.wait_for_port(self.listeners["chain"])
        self.wait_for_port(self.listeners["plain"], path="/fast")

    def gateway_pid(self, name="ingress"):
        """The process of a gateway, a child of the appliance."""
        parent = self.processes["serve"].pid
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open(f"/proc/{entry}/stat") as f:
                    if int(f.read().rpartition(")")[2].split()[1]) != parent:
                        continue
                with open(f"/proc/{entry}/cmdline", "rb") as f:
                    words = f.read().split(b"\0")
            except OSError:
                continue
            if b"gateway" in words and any(name.encode() in word for word in words):
                return int(entry)
        return None

    def summary(self):
        return {
            "ports": self.listeners, "origin": self.origin_port, "control": self.control_port, "fast": self.fast_port,
            "admin": self.ports["dev"], "certs": self.test_certs.folder, "folder": self.folder,
            "logs": self.log_folder, "sidecar": self.sidecars.get("app"),
            "pids": {"serve": self.processes["serve"].pid, "gateway": self.gateway_pid(),
                     **({"sidecar": self.processes["app"].pid} if "app" in self.processes else {})}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=os.path.join(ROOT, ".build", "release", "gatehouse"))
    parser.add_argument("--origin", type=int, help="port of an origin to use instead of starting the recorder")
    parser.add_argument("--control", type=int, help="its control port, only repeated in the output")
    parser.add_argument("--recorder", help="script of another recording origin, started with PORT CONTROL")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--normalization", default="DECODE_AND_MERGE_SLASHES")
    parser.add_argument("--no-chain", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and state")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="gatehouse-rig-")
    rig = Rig(folder, options.binary, options.workers, options.normalization, not options.no_chain)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        if options.recorder:
            rig.start_recorder(options.recorder)
        rig.up(options.origin, options.control)
        print(json.dumps(rig.summary()), flush=True)
        sys.stdin.read()
    except KeyboardInterrupt:
        pass
    finally:
        rig.stop_all()
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
