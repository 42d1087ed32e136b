"""A real Envoy, configured by our discovery service as one more ingress gateway, routes as ours does."""
import json
import os
import shutil
import socket
import subprocess
import sys
import time

from harness import SHARED, Skip, equal, eventually, expect, test
from quickstart import free_port


def envoy_binary():
    candidates = [os.environ.get("ENVOY"), shutil.which("envoy")]
    for python in ("/usr/bin/python3", sys.executable):
        try:
            found = subprocess.run([python, "-c", "import envoy, os; print(os.path.dirname(envoy.__file__))"],
                                   capture_output=True, text=True).stdout.strip()
            candidates.append(os.path.join(found, "_bin", "envoy") if found else None)
        except OSError:
            pass
    for path in candidates:
        if path and os.access(path, os.X_OK):
            return path
    raise Skip("no Envoy (set ENVOY to its path)")


def bootstrap(q, admin, http, https, delta):
    host, port = "127.0.0.1", q.ports["devxds"]
    return {
        "node": {
            "id": "router~127.0.0.1~envoy-peer.istio-system~istio-system.svc.cluster.local", "cluster": "envoy-peer",
            "metadata": {"NAMESPACE": "istio-system", "LABELS": {"istio": "ingressgateway", "app": "istio-ingressgateway"},
                         "PORT_MAP": {"80": f"127.0.0.1:{http}", "443": f"127.0.0.1:{https}"}}},
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
                "socket_address": {"address": host, "port_value": port}}}}]}]}}]}}


def against(q, delta):
    binary = envoy_binary()
    admin, http, https = free_port(), free_port(), free_port()
    path = os.path.join(q.folder, f"envoy-{'delta' if delta else 'sotw'}.json")
    with open(path, "w") as f:
        json.dump(bootstrap(q, admin, http, https, delta), f)
    name = "envoy-" + ("delta" if delta else "sotw")
    q.spawn(name, [binary, "-c", path, "--concurrency", "1", "--disable-hot-restart", "-l", "warning"])
    try:
        def live():
            status, body = q.curl(f"http://127.0.0.1:{admin}/server_info")
            return status == 200 and json.loads(body)["state"] == "LIVE"
        eventually(live, 20, what="Envoy LIVE")

        def listening():
            with socket.create_connection(("127.0.0.1", https), 1):
                return True
        eventually(listening, 10, what="Envoy's listeners")
        for host, headers, wanted in [
            ("shop.example.com", [], (200, None)),
            ("shop.example.com", ["-H", "end-user: jason"], (200, "v2")),
            ("old.example.com", [], (301, None)),
            ("nobody.example.com", [], (404, None)),
        ]:
            ours = q.curl("-H", f"Host: {host}", *headers, f"http://127.0.0.1:{q.ports['http']}/")
            theirs = q.curl("-H", f"Host: {host}", *headers, f"http://127.0.0.1:{http}/")
            equal(theirs[0], wanted[0], f"{host} at Envoy: {theirs[1][:300]}")
            equal(ours[0], wanted[0], f"{host} here")
            if wanted[1]:
                equal(json.loads(theirs[1])["version"], wanted[1])
        resolve = ["--cacert", q.certs.path("public.pem"), "--resolve", f"shop.example.com:{https}:127.0.0.1"]
        equal(q.curl(*resolve, f"https://shop.example.com:{https}/")[0], 200, "HTTPS at Envoy")
        equal(q.curl(*resolve, "-H", "Host: partners.example.com", f"https://shop.example.com:{https}/")[0], 421,
              "misdirected at Envoy")
        counts = {"v1": 0, "v2": 0}
        for _ in range(200):
            status, body = q.curl("-H", "Host: shop.example.com", f"http://127.0.0.1:{http}/")
            equal(status, 200)
            counts[json.loads(body)["version"]] += 1
        expect(60 <= counts["v1"] / 2 <= 90, str(counts))
        _, stats = q.curl(f"http://127.0.0.1:{admin}/stats?filter=update_rejected")
        rejected = [l for l in stats.splitlines() if l.strip() and not l.endswith(": 0")]
        equal(rejected, [], "rejected updates")
    finally:
        q.stop(name)


@test
def envoy_state_of_the_world(q):
    """a real Envoy over state-of-the-world discovery goes LIVE, rejects nothing and routes the same"""
    against(q, delta=False)


@test
def envoy_delta(q):
    """a real Envoy over delta discovery goes LIVE, rejects nothing and routes the same"""
    against(q, delta=True)
