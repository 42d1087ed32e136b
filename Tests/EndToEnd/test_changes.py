"""Changes under load."""
import json
import os
import socket
import subprocess
import time

from harness import Load, equal, eventually, expect, test
from quickstart import free_port

VS = "/apis/networking.istio.io/v1/namespaces/default/virtualservices/reviews"


def weights(q, v1, v2):
    value = q.api("GET", VS)
    routes = value["spec"]["http"][1]["route"]
    routes[0]["weight"], routes[1]["weight"] = v1, v2
    del value["metadata"]["resourceVersion"]
    q.api("PUT", VS, value, headers={"If-Match": "*"})


@test
def weight_under_load(q):
    """a changed weight is effective within 1 s and fails no request"""
    with Load(q.ports["http"], "shop.example.com", clients=4) as load:
        time.sleep(0.5)
        weights(q, 0, 100)
        time.sleep(1.0)
        with load.lock:
            load.bodies.clear()
        time.sleep(0.7)
        with load.lock:
            seen = {json.loads(body)["version"] for body in load.bodies}
        weights(q, 75, 25)
        time.sleep(0.5)
    equal(seen, {"v2"}, "versions seen a second after the change")
    equal(load.failures, [], "failures")
    expect(load.ok > 200, f"only {load.ok} requests")


@test
def many_changes(q):
    """fifty changes under load fail no request"""
    with Load(q.ports["http"], "shop.example.com", clients=4) as load:
        for index in range(50):
            weights(q, 50 + index, 50 - index)
        weights(q, 75, 25)
        time.sleep(0.5)
    equal(load.failures, [], "failures")

    def programmed():
        conditions = q.api("GET", VS).get("status", {}).get("conditions", [])
        return any(c["type"] == "Programmed" and c["status"] == "True" for c in conditions)
    eventually(programmed, what="condition Programmed")


GATEWAYS = "/apis/networking.istio.io/v1/namespaces/default/gateways"


def condition(q, path, kind="Programmed"):
    conditions = q.api("GET", path).get("status", {}).get("conditions", [])
    return next((c for c in conditions if c["type"] == kind), {})


@test
def port_conflict(q):
    """a port that cannot be bound shows as PortConflict on its Gateway, and the rest goes on serving"""
    with socket.socket() as taken:
        port = free_port()
        taken.bind(("0.0.0.0", port))
        taken.listen()
        q.api("POST", GATEWAYS, {
            "apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"name": "taken"},
            "spec": {"selector": {"istio": "ingressgateway"}, "servers": [
                {"port": {"number": port, "name": "http", "protocol": "HTTP"}, "hosts": ["taken.example.com"]}]}})
        try:
            eventually(lambda: condition(q, GATEWAYS + "/taken").get("reason") == "PortConflict", what="PortConflict")
            equal(condition(q, GATEWAYS + "/taken")["status"], "False")
            equal(q.https("shop.example.com")[0], 200, "the other ports")
        finally:
            q.api("DELETE", GATEWAYS + "/taken")
    eventually(lambda: condition(q, GATEWAYS + "/public").get("status") == "True", what="recovery")


@test
def unresolved_reference(q):
    """a route to a service that does not exist is accepted, warned about, marked, and answered 503"""
    q.api("POST", VS.rsplit("/", 1)[0], {
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "nowhere"},
        "spec": {"hosts": ["old.example.com"], "gateways": ["nowhere"],
                 "http": [{"route": [{"destination": {"host": "nowhere"}}]}]}})
    path = VS.rsplit("/", 1)[0] + "/nowhere"
    try:
        equal(condition(q, path, "ResolvedRefs").get("status"), "False")
    finally:
        q.api("DELETE", path)


@test
def gateway_elsewhere(q):
    """a gateway that runs alone joins over mutual TLS with a token and serves the same routes"""
    q.api("POST", "/api/v1/namespaces/istio-system/serviceaccounts", {
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "edge"}})
    state = os.path.join(q.folder, "edge")
    os.makedirs(state, mode=0o700, exist_ok=True)
    with open(os.path.join(state, "token"), "w") as f:
        f.write(q.join_token("edge", "istio-system"))
    http, https = free_port(), free_port()
    ready = os.path.join(state, "ready.json")
    process = q.spawn("edge", [
        q.binary, "gateway", "--name", "edge", "--namespace", "istio-system", "--state-dir", state,
        "--labels", "istio=ingressgateway", "--control-plane", f"127.0.0.1:{q.ports['xds']}",
        "--ca-file", os.path.join(q.data, "root-cert.pem"), "--token-file", os.path.join(state, "token"),
        "--bind-address", "127.0.0.1", "--port-map", f"80:{http},443:{https},8080:{free_port()}",
        "--workers", "1", "--ready-file", ready])
    try:
        q.wait_for_file(ready, process)
        eventually(lambda: q.curl("-H", "Host: shop.example.com", f"http://127.0.0.1:{http}/")[0] == 200, what="HTTP")
        resolve = ["--cacert", q.certs.path("public.pem"), "--resolve", f"shop.example.com:{https}:127.0.0.1"]
        equal(q.curl(*resolve, f"https://shop.example.com:{https}/")[0], 200, "HTTPS")
        second = os.path.join(q.folder, "edge-2")
        os.makedirs(second, mode=0o700, exist_ok=True)
        used = subprocess.run([
            q.binary, "gateway", "--name", "edge", "--namespace", "istio-system", "--state-dir", second,
            "--control-plane", f"127.0.0.1:{q.ports['xds']}", "--ca-file", os.path.join(q.data, "root-cert.pem"),
            "--token-file", os.path.join(state, "token")], capture_output=True, text=True, timeout=20)
        equal(used.returncode, 1, "a token used twice")
        expect("join" in used.stderr, used.stderr)
    finally:
        equal(q.stop("edge"), 0, "exit status")
