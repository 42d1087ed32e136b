#!/usr/bin/env python3
"""Brings up the whole quickstart on this machine: appliance, two sidecars with their services, an external server.

As a program it prints three commands to try and runs until interrupted. The end-to-end tests import it.
Everything listens on loopback; every process it starts ends with it.
"""
import argparse
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


GIVEN_PORTS = set()


def free_port():
    """A free port below the range that the kernel gives to outgoing connections, so that it stays free. Never twice."""
    while True:
        port = random.randrange(20000, 32000)
        if port in GIVEN_PORTS:
            continue
        GIVEN_PORTS.add(port)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def run(*command, **options):
    result = subprocess.run(command, capture_output=True, text=True, **options)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{result.stdout}{result.stderr}")
    return result.stdout


class Certificates:
    """A public CA with two server certificates, and a partner CA with client certificates. All P-256, 30 days."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def authority(self, name):
        if not os.path.exists(self.path(name + ".pem")):
            run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-days", "30", "-subj", f"/CN=Quickstart {name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                "-keyout", self.path(name + ".key"), "-out", self.path(name + ".pem"))

    def issue(self, authority, name, usage="serverAuth"):
        self.authority(authority)
        if os.path.exists(self.path(name + ".pem")):
            return
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", f"/CN={name}", "-keyout", self.path(name + ".key"), "-out", self.path(name + ".csr"))
        with open(self.path(name + ".ext"), "w") as f:
            f.write(f"subjectAltName=DNS:{name}\nextendedKeyUsage={usage}\nbasicConstraints=CA:FALSE\n")
        run("openssl", "x509", "-req", "-in", self.path(name + ".csr"), "-CA", self.path(authority + ".pem"),
            "-CAkey", self.path(authority + ".key"), "-CAcreateserial", "-days", "30",
            "-extfile", self.path(name + ".ext"), "-out", self.path(name + ".pem"))

    def text(self, name):
        with open(self.path(name)) as f:
            return f.read()


NGINX = """daemon off;
worker_processes 1;
pid {run}/nginx.pid;
error_log {run}/nginx-error.log warn;
events {{ worker_connections 256; }}
http {{
  access_log {run}/payments-access.log;
  client_body_temp_path {run}/body; proxy_temp_path {run}/proxy; fastcgi_temp_path {run}/fastcgi;
  uwsgi_temp_path {run}/uwsgi; scgi_temp_path {run}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl;
    server_name payments.example.net;
    ssl_certificate {certs}/payments.example.net.pem;
    ssl_certificate_key {certs}/payments.example.net.key;
    ssl_client_certificate {certs}/payments-clients.pem;
    ssl_verify_client on;
    location / {{ default_type text/plain; return 200 "paid by $ssl_client_s_dn as $host\\n"; }}
  }}
}}
"""


class Quickstart:
    def __init__(self, folder, binary=None, ports=None, workers=1, log=None):
        self.folder = folder
        self.binary = binary or os.path.join(ROOT, ".build", "release", "gatehouse")
        self.ports = {n: free_port() for n in ("http", "https", "http8080", "egress443", "egress80", "admin", "dev", "xds",
                                                "devxds", "payments")}
        self.ports.update(ports or {})
        self.workers = workers
        self.processes = {}
        self.sidecars = {}
        self.data = os.path.join(folder, "data")
        self.certs = Certificates(os.path.join(folder, "certs"))
        self.log_folder = log or os.path.join(folder, "logs")
        for name in (folder, self.log_folder):
            os.makedirs(name, exist_ok=True)

    # Processes

    def spawn(self, name, command, **options):
        out = open(os.path.join(self.log_folder, name + ".log"), "ab")
        self.processes[name] = subprocess.Popen(command, stdout=out, stderr=out, **options)
        out.close()
        return self.processes[name]

    def log(self, name):
        with open(os.path.join(self.log_folder, name + ".log"), errors="replace") as f:
            return f.read()

    def wait_for_file(self, path, process, seconds=30):
        deadline = time.monotonic() + seconds
        while not (os.path.exists(path) and os.path.getsize(path) > 0):
            if process.poll() is not None:
                raise RuntimeError(f"ended with {process.returncode} before it was ready; see {self.log_folder}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"not ready within {seconds} s; see {self.log_folder}")
            time.sleep(0.02)
        with open(path) as f:
            return json.load(f)

    def start_appliance(self, extra=()):
        ready = os.path.join(self.folder, "ready.json")
        if os.path.exists(ready):
            os.remove(ready)
        p = self.ports
        process = self.spawn("serve", [
            self.binary, "serve", "--data-dir", self.data,
            "--admin-listen", f"127.0.0.1:{p['admin']}", "--dev-http", f"127.0.0.1:{p['dev']}",
            "--xds-listen", f"127.0.0.1:{p['xds']}", "--dev-xds", f"127.0.0.1:{p['devxds']}",
            "--workers", str(self.workers), "--public-dir", os.path.join(ROOT, "Public"),
            "--port-map", f"ingress/80:127.0.0.1:{p['http']},ingress/443:127.0.0.1:{p['https']},"
                          f"ingress/8080:127.0.0.1:{p['http8080']},"
                          f"egress/443:127.0.0.1:{p['egress443']},egress/80:127.0.0.1:{p['egress80']}",
            "--ready-file", ready, *extra])
        return self.wait_for_file(ready, process)

    def stop(self, name, seconds=40):
        process = self.processes.pop(name, None)
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return process.returncode

    def stop_all(self):
        names = [n for n in self.processes if n != "serve"] + (["serve"] if "serve" in self.processes else [])
        for name in names:
            process = self.processes.get(name)
            if process and process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for name in names:
            self.stop(name)

    # The API

    def api(self, method, path, body=None, content_type="application/json", headers=None):
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports['dev']}{path}", data, method=method)
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        if data is not None:
            request.add_header("Content-Type", content_type)
        with urllib.request.urlopen(request, timeout=20) as response:
            text = response.read().decode()
        return json.loads(text) if text.startswith(("{", "[")) else text

    def apply(self, path, namespace="default"):
        return run(self.binary, "apply", "--kubeconfig", os.path.join(self.data, "admin.kubeconfig"),
                   "--namespace", namespace, "-f", path)

    def rendered(self):
        """The resources with this machine's ports filled in, in a folder of their own."""
        target = os.path.join(self.folder, "resources")
        shutil.rmtree(target, ignore_errors=True)
        os.makedirs(target)
        source = os.path.join(HERE, "resources")
        for name in sorted(os.listdir(source)):
            with open(os.path.join(source, name)) as f:
                text = f.read().replace("${PAYMENTS_PORT}", str(self.ports["payments"]))
            with open(os.path.join(target, name), "w") as f:
                f.write(text)
        return target

    def secrets(self):
        c = self.certs
        def secret(name, kind, data):
            return {"apiVersion": "v1", "kind": "Secret", "type": kind,
                    "metadata": {"name": name, "namespace": "istio-system"}, "stringData": data}
        return [
            secret("shop-tls", "kubernetes.io/tls",
                   {"tls.crt": c.text("shop.example.com.pem"), "tls.key": c.text("shop.example.com.key")}),
            secret("partners-tls", "Opaque",
                   {"tls.crt": c.text("partners.example.com.pem"), "tls.key": c.text("partners.example.com.key"),
                    "ca.crt": c.text("partner-clients.pem")}),
            secret("payments-client", "Opaque",
                   {"tls.crt": c.text("egress.example.com.pem"), "tls.key": c.text("egress.example.com.key"),
                    "ca.crt": c.text("public.pem")}),
        ]

    def issue_certificates(self):
        self.certs.issue("public", "shop.example.com")
        self.certs.issue("public", "partners.example.com")
        self.certs.issue("public", "payments.example.net")
        self.certs.issue("partner-clients", "partner.example.com", "clientAuth")
        self.certs.issue("payments-clients", "egress.example.com", "clientAuth")

    def start_payments(self):
        run_folder = os.path.join(self.folder, "nginx")
        os.makedirs(run_folder, exist_ok=True)
        path = os.path.join(run_folder, "nginx.conf")
        with open(path, "w") as f:
            f.write(NGINX.format(run=run_folder, port=self.ports["payments"], certs=self.certs.folder))
        self.spawn("payments", [shutil.which("nginx") or "/usr/sbin/nginx", "-p", run_folder, "-c", path])

    def apply_resources(self):
        path = os.path.join(self.folder, "secrets.json")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            json.dump({"apiVersion": "v1", "kind": "List", "items": self.secrets()}, f)
        self.apply(path)
        self.apply(self.rendered())

    def join_token(self, account, namespace="default"):
        answer = self.api("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token", {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"audiences": ["gatehouse-join"], "expirationSeconds": 600}})
        return answer["status"]["token"]

    def start_sidecar(self, name, version, account="reviews", app="reviews", namespace="default", token=True,
                      reuse=None, extra=()):
        state = os.path.join(self.folder, "sidecars", name)
        os.makedirs(state, mode=0o700, exist_ok=True)
        ready = os.path.join(state, "ready.json")
        if os.path.exists(ready):
            os.remove(ready)
        token_file = os.path.join(state, "token")
        if token:
            with open(os.open(token_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
                f.write(self.join_token(account, namespace))
        ports = reuse or {n: free_port() for n in ("app", "inbound", "outbound", "admin")}
        self.sidecars[name] = ports
        labels = {"app": app, "version": version}
        process = self.spawn(name, [
            self.binary, "sidecar", "--control-plane", f"127.0.0.1:{self.ports['xds']}",
            "--ca-file", os.path.join(self.data, "root-cert.pem"), "--token-file", token_file,
            "--namespace", namespace, "--service-account", account, "--workload", name, "--state-dir", state,
            "--labels", ",".join(f"{k}={v}" for k, v in labels.items()), *extra,
            "--app", f"{ports['app']}:http:http", "--inbound-listen", f"127.0.0.1:{ports['inbound']}",
            "--outbound-listen", f"127.0.0.1:{ports['outbound']}", "--admin-listen", f"127.0.0.1:{ports['admin']}",
            "--ready-file", ready, "--", sys.executable, os.path.join(HERE, "reviews.py"),
            str(ports["app"]), version, str(ports["outbound"]), app])
        self.wait_for_file(ready, process)
        return ports

    # Requests

    def curl(self, *arguments):
        """Status and body of a request to the ingress gateway; status 0 when there was no HTTP answer."""
        result = subprocess.run(
            ["curl", "-s", "-m", "15", "-w", "\n%{http_code} %{exitcode}", *arguments], capture_output=True, text=True)
        body, _, last = result.stdout.rpartition("\n")
        match = re.match(r"(\d+) (\d+)", last)
        return (int(match.group(1)) if match else 0), body

    def https(self, host, path="/", *arguments):
        port = self.ports["https"]
        return self.curl("--cacert", self.certs.path("public.pem"), "--resolve", f"{host}:{port}:127.0.0.1",
                         *arguments, f"https://{host}:{port}{path}")

    def wait_until_routed(self, seconds=20):
        deadline = time.monotonic() + seconds
        while True:
            answers = [self.https("shop.example.com", "/", "-H", f"end-user: {u}") for u in ("jason", "nobody")]
            out, _ = self.https("shop.example.com", "/out/payments.example.net")
            if all(status == 200 for status, _ in answers) and out == 200:
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"not routed: {answers}, egress {out}")
            time.sleep(0.1)

    def up(self):
        self.issue_certificates()
        addresses = self.start_appliance()
        self.start_payments()
        self.apply_resources()
        self.start_sidecar("reviews-v1", "v1")
        self.start_sidecar("reviews-v2", "v2")
        self.wait_until_routed()
        return addresses


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", help="where keys, state and logs go (default: a new temporary folder)")
    parser.add_argument("--http", type=int, default=8080)
    parser.add_argument("--https", type=int, default=8443)
    parser.add_argument("--admin", type=int, default=9443)
    parser.add_argument("--dev", type=int, default=9080)
    parser.add_argument("--seconds", type=int, default=0, help="stop after so many seconds (default: when interrupted)")
    options = parser.parse_args()
    folder = options.folder or tempfile.mkdtemp(prefix="gatehouse-quickstart-")
    quickstart = Quickstart(os.path.abspath(folder), ports={
        "http": options.http, "https": options.https, "admin": options.admin, "dev": options.dev})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        addresses = quickstart.up()
        certs, p = quickstart.certs, quickstart.ports
        resolve = f"--resolve shop.example.com:{p['https']}:127.0.0.1 --cacert {certs.path('public.pem')}"
        print(f"""
Gatehouse is up.
  admin API   {addresses['admin']}   (token: {quickstart.data}/admin.token)
  the same    {addresses['devHttp']}   (plain HTTP on loopback, no authentication, for first steps)
  console     {addresses['devHttp']}/ui/
  ingress     https://127.0.0.1:{p['https']}   http://127.0.0.1:{p['http']}
  logs        {quickstart.log_folder}

Try:
  curl {resolve} https://shop.example.com:{p['https']}/
  curl {resolve} https://shop.example.com:{p['https']}/ -H 'end-user: jason'
  curl {resolve} https://shop.example.com:{p['https']}/out/payments.example.net

Ctrl-C stops everything.""", flush=True)
        deadline = time.monotonic() + options.seconds if options.seconds else None
        while deadline is None or time.monotonic() < deadline:
            time.sleep(0.5)
            if quickstart.processes["serve"].poll() is not None:
                raise RuntimeError(f"the appliance ended; see {quickstart.log_folder}")
    except (KeyboardInterrupt, SystemExit):
        pass
    finally:
        quickstart.stop_all()


if __name__ == "__main__":
    main()
