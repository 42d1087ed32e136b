"""The two proxies under test: our ingress gateway and a real Envoy, both fed by one control plane."""
import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request

import world
from client import Peer, Request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "Examples", "quickstart"))
from quickstart import free_port  # noqa: E402


class Refused(Exception):
    """The control plane or a proxy refused a configuration."""


def envoy_binary():
    """Where Envoy is: $ENVOY, $PATH, the Makefile's venv, or the package of any Python at hand; else None."""
    candidates = [os.environ.get("ENVOY"), shutil.which("envoy")]
    venv = os.path.join(ROOT, ".build", "envoy-venv", "bin", "python")
    for python in (venv, "/usr/bin/python3", sys.executable):
        if os.path.exists(python):
            found = subprocess.run([python, "-c", "import envoy, os; print(os.path.dirname(envoy.__file__))"],
                                   capture_output=True, text=True).stdout.strip()
            candidates.append(os.path.join(found, "_bin", "envoy") if found else None)
    return next((path for path in candidates if path and os.access(path, os.X_OK)), None)


def bootstrap(admin, xds, ports, delta):
    return {
        "node": {
            "id": "router~127.0.0.1~envoy-peer.istio-system~istio-system.svc.cluster.local", "cluster": "envoy-peer",
            "metadata": {"NAMESPACE": "istio-system",
                         "LABELS": {"istio": "ingressgateway", "app": "istio-ingressgateway"},
                         "PORT_MAP": {str(declared): f"127.0.0.1:{bound}" for declared, bound in ports.items()}}},
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": admin}}},
        "dynamic_resources": {
            "ads_config": {"api_type": "DELTA_GRPC" if delta else "GRPC", "transport_api_version": "V3",
                           "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}]},
            "lds_config": {"ads": {}, "resource_api_version": "V3"},
            "cds_config": {"ads": {}, "resource_api_version": "V3"}},
        "static_resources": {"clusters": [{
            "name": "xds", "type": "STATIC", "connect_timeout": "2s",
            "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}}}},
            "load_assignment": {"cluster_name": "xds", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {
                "socket_address": {"address": "127.0.0.1", "port_value": xds}}}}]}]}}]}}


class Pair:
    def __init__(self, folder, binary, envoy, trust, delta=True):
        self.folder, self.binary, self.envoy, self.delta = folder, binary, envoy, delta
        self.processes, self.serial = {}, 0
        self.dev, self.xds, self.devxds, self.admin, self.envoy_admin = (free_port() for _ in range(5))
        self.ours = Peer("ours", {port: free_port() for port in world.PORTS}, trust)
        self.theirs = Peer("envoy", {port: free_port() for port in world.PORTS}, trust)
        self.peers = [self.theirs, self.ours]

    def spawn(self, name, command):
        with open(os.path.join(self.folder, name + ".log"), "ab") as out:
            self.processes[name] = subprocess.Popen(command, stdout=out, stderr=out)

    def log(self, name):
        with open(os.path.join(self.folder, name + ".log"), errors="replace") as f:
            return f.read()

    def start(self):
        ready = os.path.join(self.folder, "ready.json")
        mapped = [f"ingress/{declared}:127.0.0.1:{bound}" for declared, bound in self.ours.ports.items()]
        mapped += [f"egress/{declared}:127.0.0.1:{free_port()}" for declared in (80, 443)]
        self.spawn("serve", [
            self.binary, "serve", "--data-dir", os.path.join(self.folder, "data"), "--workers", "1",
            "--admin-listen", f"127.0.0.1:{self.admin}", "--dev-http", f"127.0.0.1:{self.dev}",
            "--xds-listen", f"127.0.0.1:{self.xds}", "--dev-xds", f"127.0.0.1:{self.devxds}",
            "--port-map", ",".join(mapped), "--ready-file", ready])
        deadline = time.monotonic() + 60
        while not os.path.exists(ready):
            if self.processes["serve"].poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the appliance does not start:\n" + self.log("serve")[-2000:])
            time.sleep(0.02)
        path = os.path.join(self.folder, "envoy.json")
        with open(path, "w") as f:
            json.dump(bootstrap(self.envoy_admin, self.devxds, self.theirs.ports, self.delta), f)
        self.spawn("envoy", [self.envoy, "-c", path, "--concurrency", "1", "--disable-hot-restart", "-l", "warning",
                             "--drain-time-s", "1"])
        while True:
            try:
                if self.stats("server.state").get("server.state") == 0:
                    return
            except (OSError, urllib.error.URLError):
                pass
            if self.processes["envoy"].poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("Envoy does not start:\n" + self.log("envoy")[-2000:])
            time.sleep(0.05)

    def stop(self):
        for peer in self.peers:
            peer.reset()
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def alive(self):
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise RuntimeError(f"{name} ended with {process.returncode}:\n" + self.log(name)[-3000:])

    # The admin interfaces

    def api(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"http://127.0.0.1:{self.dev}{path}", data, method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            try:
                text = json.loads(text)["message"]
            except (ValueError, KeyError):
                pass
            raise Refused(f"control plane, {error.code}: {text[:600]}") from None

    def stats(self, pattern):
        with urllib.request.urlopen(
                f"http://127.0.0.1:{self.envoy_admin}/stats?filter={pattern}", timeout=10) as response:
            lines = response.read().decode().splitlines()
        pairs = (line.rsplit(": ", 1) for line in lines if ": " in line)
        return {name: int(value) for name, value in pairs if value.isdigit()}

    def rejections(self):
        """Envoy's counters of refused updates that are not zero."""
        found = self.stats("(update_rejected|lds.update_failure|listener_create_failure)")
        return {name: value for name, value in found.items() if value}

    # Configurations

    async def program(self, resources, seconds=15.0):
        """Puts a configuration in the place of the last one, and returns when both proxies serve it."""
        self.serial += 1
        for peer in self.peers:
            peer.reset()
        items = resources + world.marker(self.serial)
        before = self.rejections()
        await asyncio.to_thread(self.api, "POST", "/apis/gatehouse.io/v1/apply?mode=apply&prune=differential%3Dyes",
                                {"kind": "List", "apiVersion": "v1", "items": items})
        deadline = time.monotonic() + seconds
        for peer in self.peers:
            while True:
                self.alive()
                request = Request(world.PLAIN_PORTS[0], authority=world.MARKER)
                answer = await peer.send(request, "marker", 2.0)
                if answer.status == 200 and answer.body == str(self.serial).encode():
                    break
                refused = {k: v for k, v in self.rejections().items() if v != before.get(k)}
                if peer is self.theirs and refused:
                    raise Refused(f"Envoy: {refused}\n{self.refusal()}")
                if time.monotonic() > deadline:
                    raise Refused(f"{peer.name} does not serve the configuration\n{self.log('serve')[-1500:]}")
                await asyncio.sleep(0.01)
        while True:
            warming = self.stats("(total_listeners_warming|warming_clusters)")
            if not any(warming.values()):
                break
            if time.monotonic() > deadline:
                raise Refused(f"Envoy keeps warming: {warming}")
            await asyncio.sleep(0.01)
        refused = {k: v for k, v in self.rejections().items() if v != before.get(k)}
        if refused:
            raise Refused(f"Envoy: {refused}\n{self.refusal()}")

    def refusal(self):
        lines = [line for line in self.log("envoy").splitlines() if "reject" in line or "warning" in line]
        return "\n".join(lines[-3:])[-1500:]
