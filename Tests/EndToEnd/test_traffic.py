"""Traffic management through the whole product: resources in, behaviour on the wire out."""
import concurrent.futures
import http.client
import json
import os
import time

from apps import App, clear, put, remove_namespace, rule, service, virtual_service
from harness import equal, eventually, expect, test
from quickstart import free_port
from test_envoy import bootstrap, envoy_binary

NAMESPACE = "traffic"


def ask(q, host, path="/", headers=None, method="GET", caller="reviews-v2"):
    arguments = [a for k, v in (headers or {}).items() for a in ("-H", f"{k}: {v}")]
    port = q.sidecars[caller]["outbound"]
    return q.curl("-X", method, "-H", f"Host: {host}", *arguments, f"http://127.0.0.1:{port}{path}")


def who(q, host, path="/", **more):
    status, body = ask(q, host, path, **more)
    return json.loads(body)["version"] if status == 200 and body.startswith("{") else status


def policy(host, check, name="check", subset=None):
    spec = {"host": host, "check": check}
    if subset:
        spec["subset"] = subset
    return {"apiVersion": "gatehouse.io/v1", "kind": "HealthCheckPolicy",
            "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}


class Scene:
    def __init__(self, q, *versions, name="web", **spec):
        self.q, self.name = q, name
        self.apps = [App(name, v, delay=1.0) for v in versions]
        put(q, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
                *service(name, NAMESPACE, self.apps, **spec)])

    def __enter__(self):
        host = f"{self.name}.{NAMESPACE}"
        eventually(lambda: who(self.q, host) in [a.version for a in self.apps], 8, what=f"{host} reachable")
        return self

    def __exit__(self, *_):
        for app in self.apps:
            app.stop()
        remove_namespace(self.q, NAMESPACE)


@test
def active_health_checks(q):
    """an endpoint that fails its HealthCheckPolicy gets no requests until it passes again"""
    with Scene(q, "a", "b") as scene:
        check = {"http": {"path": "/health"}, "interval": "100ms", "timeout": "1s", "noTrafficInterval": "100ms",
                 "unhealthyThreshold": 1, "healthyThreshold": 1}
        put(q, [policy("web", check), rule("web", policy={"outlierDetection": {"minHealthPercent": 0}})])
        host = "web.traffic"
        eventually(lambda: all(any(r[1] == "/health" for r in a.requests) for a in scene.apps), 5, what="probes")
        scene.apps[1].is_healthy = False
        eventually(lambda: {who(q, host) for _ in range(8)} == {"a"}, 8, what="only the healthy one")
        equal({who(q, host) for _ in range(30)}, {"a"})
        scene.apps[1].is_healthy = True
        eventually(lambda: {who(q, host) for _ in range(8)} == {"a", "b"}, 8, what="both again")


@test
def outliers_and_overload(q):
    """an endpoint that answers 5xx is ejected, and a full cluster answers 503 with x-envoy-overloaded"""
    with Scene(q, "a") as scene:
        put(q, [rule("web", policy={
            "outlierDetection": {"consecutive5xxErrors": 3, "baseEjectionTime": "2s", "interval": "500ms",
                                 "maxEjectionPercent": 100},
            "connectionPool": {"http": {"http2MaxRequests": 2}}}),
            virtual_service("web", [{"route": [{"destination": {"host": "web"}}], "retries": {"attempts": 0}}])])
        host = "web.traffic"
        port = q.sidecars["reviews-v2"]["outbound"]
        def overloaded():
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                return [s for s, _ in pool.map(lambda _: ask(q, host, "/slow"), range(8))]
        eventually(lambda: overloaded().count(200) == 2, 8, what="two at a time, over both workers")
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            busy = [pool.submit(ask, q, host, "/slow") for _ in range(2)]
            time.sleep(0.3)
            _, head = q.curl("-D", "-", "-o", "/dev/null", "-H", f"Host: {host}", f"http://127.0.0.1:{port}/")
            expect("x-envoy-overloaded: true" in head.lower(), head)
            for call in busy:
                call.result()
        for _ in range(3):
            equal(ask(q, host, "/status/500")[0], 500)
        eventually(lambda: ask(q, host)[0] == 503, 2, what="ejected")
        eventually(lambda: ask(q, host)[0] == 200, 6, what="back after the ejection")
        metrics = q.curl(f"http://127.0.0.1:{q.sidecars['reviews-v2']['admin']}/metrics")[1]
        ejections = [l for l in metrics.splitlines() if "ejections_enforced_total" in l and "web.traffic" in l]
        expect(any(not l.endswith(" 0") for l in ejections), str(ejections))


@test
def slow_start(q):
    """a new endpoint's share grows over its warm-up"""
    with Scene(q, "old") as scene:
        put(q, [rule("web", policy={"loadBalancer": {
            "simple": "ROUND_ROBIN", "warmup": {"duration": "8s", "minimumPercent": 5}}})])
        time.sleep(8.5)
        fresh = App("web", "new")
        scene.apps.append(fresh)
        put(q, service("web", NAMESPACE, scene.apps))
        host = "web.traffic"
        eventually(lambda: who(q, host) == "new", 5, every=0.01, what="the new one gets something")
        early = [who(q, host) for _ in range(60)].count("new")
        expect(early <= 20, f"{early} of 60 at once")
        time.sleep(8)
        late = [who(q, host) for _ in range(60)].count("new")
        expect(26 <= late <= 34, f"{late} of 60 after the warm-up")


@test
def mirrors(q):
    """each mirror sees its own share of the requests, and callers wait for none"""
    with Scene(q, "main") as scene:
        shadows = [App("shadow", "all", delay=1), App("half", "half", delay=1)]
        try:
            put(q, service("shadow", NAMESPACE, shadows[:1]) + service("half", NAMESPACE, shadows[1:]) + [
                virtual_service("web", [{"route": [{"destination": {"host": "web"}}], "mirrors": [
                    {"destination": {"host": "shadow"}},
                    {"destination": {"host": "half"}, "percentage": {"value": 50}}]}])])
            eventually(lambda: who(q, "web.traffic") == "main" and shadows[0].requests, 8, what="mirroring")
            for app in shadows:
                app.requests.clear()
            start = time.monotonic()
            for index in range(100):
                equal(who(q, "web.traffic", f"/m{index}"), "main")
            expect(time.monotonic() - start < 20, "waited for mirrors")
            eventually(lambda: len(shadows[0].requests) == 100, 3, what="every request mirrored")
            expect(30 <= len(shadows[1].requests) <= 70, f"{len(shadows[1].requests)} of 100")
            expect(shadows[0].requests[0][2]["host"].startswith("web.traffic-shadow"), shadows[0].requests[0])
        finally:
            for app in shadows:
                app.stop()


@test
def unknown_hosts_by_name(q):
    """with ALLOW_ANY an unknown host is resolved and reached by name, and a ServiceEntry by its virtual address"""
    app = App("outside", "out")
    sidecar = {"apiVersion": "networking.istio.io/v1", "kind": "Sidecar",
               "metadata": {"name": "open", "namespace": "default"},
               "spec": {"workloadSelector": {"labels": {"app": "reviews", "version": "v2"}},
                        "egress": [{"hosts": ["*/*"]}], "outboundTrafficPolicy": {"mode": "ALLOW_ANY"}}}
    entry = {"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
             "metadata": {"name": "outside", "namespace": "default"},
             "spec": {"hosts": ["outside.example"], "resolution": "STATIC",
                      "ports": [{"number": 80, "name": "http", "protocol": "HTTP", "targetPort": app.port}],
                      "endpoints": [{"address": "127.0.0.1"}]}}
    dynamic = {"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
               "metadata": {"name": "wild", "namespace": "default"},
               "spec": {"hosts": ["*.localhost"], "resolution": "DYNAMIC_DNS",
                        "ports": [{"number": app.port, "name": "http", "protocol": "HTTP"}]}}
    base = "/apis/networking.istio.io/v1/namespaces/default/"
    port = q.sidecars["reviews-v2"]["outbound"]
    try:
        equal(ask(q, f"localhost:{app.port}")[0], 502, "REGISTRY_ONLY")
        put(q, [sidecar, entry, dynamic])
        eventually(lambda: who(q, f"localhost:{app.port}") == "out", 8, what="by name")
        equal(ask(q, "no-such-host.invalid")[0], 503)
        tunnel = q.curl("--proxytunnel", "-x", f"http://127.0.0.1:{port}", f"http://localhost:{app.port}/t")
        equal(tunnel[0], 200, tunnel[1])
        stored = q.api("GET", base + "serviceentries/outside")
        address = next(a["value"] for a in stored["status"]["addresses"] if ":" not in a["value"])
        equal(stored["status"]["addresses"][0]["host"], "outside.example")
        eventually(lambda: who(q, address) == "out", 5, what=f"by {address}")
        def change():
            stored = q.api("GET", base + "serviceentries/outside")
            spec = {**stored["spec"], "exportTo": ["."]}
            return q.api("PUT", base + "serviceentries/outside", {**stored, "spec": spec})
        again = change()
        equal(next(a["value"] for a in again["status"]["addresses"] if ":" not in a["value"]), address, "kept")
    finally:
        for name in ("sidecars/open", "serviceentries/outside", "serviceentries/wild"):
            try:
                q.api("DELETE", base + name)
            except OSError:
                pass
        app.stop()


@test
def workload_groups(q):
    """a sidecar's WorkloadEntry takes over what its WorkloadGroup says, and keeps what it says itself"""
    group = {"apiVersion": "networking.istio.io/v1", "kind": "WorkloadGroup",
             "metadata": {"name": "machines", "namespace": "default"},
             "spec": {"metadata": {"labels": {"rack": "r7", "version": "group"}, "annotations": {"note": "by group"}},
                      "template": {"weight": 3, "locality": "eu/a/1", "ports": {"metrics": 9100, "http": 1},
                                   "labels": {"tier": "front"}}}}
    base = "/apis/networking.istio.io/v1/namespaces/default/"
    put(q, [group])
    try:
        q.start_sidecar("grouped", "v9", extra=["--workload-group", "machines"])
        entry = eventually(lambda: q.api("GET", base + "workloadentries/grouped"), 8, what="registered")
        spec, labels = entry["spec"], entry["metadata"]["labels"]
        equal((spec["weight"], spec["locality"], spec["ports"]["metrics"]), (3, "eu/a/1", 9100))
        expect(spec["ports"]["http"] == q.sidecars["grouped"]["inbound"], f"{spec['ports']}")
        equal((labels["rack"], labels["tier"], labels["version"]), ("r7", "front", "v9"))
        equal(entry["metadata"]["annotations"]["note"], "by group")
    finally:
        q.stop("grouped")
        q.sidecars.pop("grouped", None)
        q.api("DELETE", base + "workloadgroups/machines")


@test
def scaling_keeps_the_split(q):
    """a second version that grows from one instance to five leaves a 75/25 split as it is"""
    with Scene(q, "v1", "v2") as scene:
        put(q, [rule("web"), virtual_service("web", [{"route": [
            {"destination": {"host": "web", "subset": "v1"}, "weight": 75},
            {"destination": {"host": "web", "subset": "v2"}, "weight": 25}]}])])
        def share():
            got, connection = [], http.client.HTTPConnection("127.0.0.1", q.sidecars["reviews-v2"]["outbound"])
            for _ in range(600):
                connection.request("GET", "/", headers={"Host": "web.traffic"})
                got.append(json.loads(connection.getresponse().read())["version"])
            connection.close()
            equal(set(got), {"v1", "v2"})
            return got.count("v1") / 6
        eventually(lambda: who(q, "web.traffic") in ("v1", "v2"), 5, what="the split")
        first = share()
        expect(69 <= first <= 81, f"{first:.0f} %")
        scene.apps += [App("web", "v2") for _ in range(4)]
        put(q, service("web", NAMESPACE, scene.apps))
        eventually(lambda: who(q, "web.traffic") and all(a.requests for a in scene.apps), 8, every=0.01,
                   what="all five get requests")
        second = share()
        expect(69 <= second <= 81, f"{second:.0f} % after scaling")


@test
def failover_by_locality(q):
    """requests stay in the caller's region while it lives, and go to the named region when it does not"""
    near, far, other = App("web", "near"), App("web", "far"), App("web", "other")
    places = {"near": "eu/a/1", "far": "us/b/1", "other": "asia/c/1"}
    entries = [(a, {"locality": places[a.version]}) for a in (near, far, other)]
    try:
        q.start_sidecar("placed", "v1", app="placed", extra=["--locality", "eu/a/1"])
        put(q, [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
                *service("web", NAMESPACE, entries),
                rule("web", policy={
                    "outlierDetection": {"consecutive5xxErrors": 1, "interval": "1s", "baseEjectionTime": "60s",
                                         "maxEjectionPercent": 100, "minHealthPercent": 0},
                    "loadBalancer": {"localityLbSetting": {"failover": [{"from": "eu", "to": "us"}]}}})])
        def places_of(count):
            return {who(q, "web.traffic", caller="placed") for _ in range(count)}
        eventually(lambda: places_of(5) == {"near"}, 8, what="the own region alone")
        equal(places_of(30), {"near"})
        near.stop()
        eventually(lambda: places_of(5) == {"far"}, 8, what="the region that failover names")
        equal(places_of(30), {"far"})
    finally:
        for app in (far, other):
            app.stop()
        q.stop("placed")
        q.sidecars.pop("placed", None)
        remove_namespace(q, NAMESPACE)


def everything():
    """Resources that set every field of a cluster and a route at once, for the ingress gateway."""
    ejection = {"consecutive5xxErrors": 7, "consecutiveGatewayErrors": 3, "splitExternalLocalOriginErrors": True,
                "consecutiveLocalOriginFailures": 4, "interval": "5s", "baseEjectionTime": "9s",
                "maxEjectionPercent": 40, "minHealthPercent": 30, "outlierDetectionHttpErrorCodes": [429, 503]}
    pool = {"tcp": {"maxConnections": 50, "connectTimeout": "3s", "idleTimeout": "60s", "maxConnectionDuration": "600s",
                    "tcpKeepalive": {"probes": 3, "time": "60s", "interval": "10s"}},
            "http": {"http1MaxPendingRequests": 20, "http2MaxRequests": 30, "maxRequestsPerConnection": 100,
                     "maxRetries": 5, "idleTimeout": "50s", "maxConcurrentStreams": 40,
                     "http2KeepAlive": {"interval": "30s", "timeout": "5s"}}}
    cookie = {"name": "pin", "ttl": "60s", "path": "/", "attributes": [{"name": "SameSite", "value": "Lax"}]}
    check = {"interval": "5s", "timeout": "1s", "intervalJitter": "1s", "intervalJitterPercent": 5,
             "initialJitter": "1s", "noTrafficInterval": "9s", "noTrafficHealthyInterval": "9s",
             "unhealthyInterval": "2s", "unhealthyEdgeInterval": "1s", "healthyEdgeInterval": "1s",
             "reuseConnection": False}
    rules = {
        "warm": {"loadBalancer": {"simple": "LEAST_REQUEST", "warmup": {
            "duration": "30s", "minimumPercent": 20, "aggression": 2}}, "outlierDetection": ejection,
            "connectionPool": pool, "retryBudget": {"percent": 25, "minRetryConcurrency": 4}},
        "ring": {"loadBalancer": {"consistentHash": {"httpCookie": cookie, "ringHash": {"minimumRingSize": 2048}}}},
        "maglev": {"loadBalancer": {"consistentHash": {"useSourceIp": True, "maglev": {"tableSize": 251}}}},
        "shares": {"loadBalancer": {"localityLbSetting": {"distribute": [{"to": {"a/*": 70, "b/*": 30}}]}}},
        "near": {"outlierDetection": ejection, "loadBalancer": {"localityLbSetting": {
            "failoverPriority": ["topology.kubernetes.io/region", "version"]}}},
        "zones": {"loadBalancer": {"zoneAwareLbSetting": {"enabled": True, "minClusterSize": 2}}},
        "direct": {"loadBalancer": {"simple": "PASSTHROUGH"}},
        "http2": {"connectionPool": {"http": {"h2UpgradePolicy": "UPGRADE", **{
            k: v for k, v in pool["http"].items()}}}},
    }
    items, routes = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}], []
    app = type("Address", (), {"version": "v1", "port": 1})
    places = [(app, {"locality": p}) for p in ("a/1/x", "b/2/y")]
    for name, written in rules.items():
        items += service(name, NAMESPACE, [(a, dict(extra)) for a, extra in places])
        items.append(rule(name, policy=written))
        routes.append({"name": name, "match": [{"uri": {"prefix": f"/{name}/"}, "statPrefix": name}],
                       "route": [{"destination": {"host": name}}], "timeout": "7s",
                       "retries": {"attempts": 2, "perTryTimeout": "1s", "retryOn": "5xx,reset,503", "backoff": "50ms",
                                   "retryRemoteLocalities": True}})
    for name, probe in (("warm", {"http": {"path": "/live", "expectedStatuses": ["200-299"],
                                           "retriableStatuses": ["500-503"], "headers": {"X-A": "b"}}}),
                        ("ring", {"tcp": {"send": "PING", "receive": ["PONG"]}}),
                        ("http2", {"grpc": {"service": "s", "authority": "a"}})):
        items.append(policy(name, {**check, **probe}, name=f"check-{name}"))
    items.append({"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
                  "metadata": {"name": "wild", "namespace": NAMESPACE},
                  "spec": {"hosts": ["*.wild.example"], "resolution": "DYNAMIC_DNS",
                           "ports": [{"number": 80, "name": "http", "protocol": "HTTP"},
                                     {"number": 443, "name": "tls", "protocol": "TLS"}]}})
    items.append({"apiVersion": "networking.istio.io/v1", "kind": "Gateway",
                  "metadata": {"name": "everything", "namespace": NAMESPACE},
                  "spec": {"selector": {"istio": "ingressgateway"}, "servers": [
                      {"port": {"number": 8081, "name": "http", "protocol": "HTTP"}, "hosts": ["every.example"]}]}})
    items.append(virtual_service("every.example", routes, gateways=["everything"]))
    return items, list(rules)


@test
def envoy_accepts_everything(q):
    """a real Envoy takes every cluster and route with every field set, and rejects nothing"""
    binary = envoy_binary()
    items, names = everything()
    admin, port = free_port(), free_port()
    config = bootstrap(q, admin, free_port(), free_port(), False)
    config["node"]["id"] = "router~127.0.0.1~envoy-fields.istio-system~istio-system.svc.cluster.local"
    config["node"]["metadata"]["PORT_MAP"]["8081"] = f"127.0.0.1:{port}"
    path = os.path.join(q.folder, "envoy-fields.json")
    with open(path, "w") as f:
        json.dump(config, f)
    try:
        put(q, items)
        q.spawn("envoy-fields", [binary, "-c", path, "--concurrency", "1", "--disable-hot-restart", "-l", "warning"])
        def loaded():
            _, text = q.curl(f"http://127.0.0.1:{admin}/clusters?format=json")
            expect(text.startswith("{"), "Envoy is starting")
            found = {c["name"] for c in json.loads(text)["cluster_statuses"]}
            wanted = {f"outbound|80||{n}.{NAMESPACE}.svc.cluster.local" for n in names}
            _, stats = q.curl(f"http://127.0.0.1:{admin}/stats?filter=update_rejected")
            rejected = [l for l in stats.splitlines() if l.strip() and not l.endswith(": 0")]
            expect(not rejected, f"{rejected}: {q.log('envoy-fields')[-1500:]}")
            missing = wanted - found
            expect(not missing, f"missing {missing}: {q.log('envoy-fields')[-1500:]}")
            return True
        eventually(loaded, 25, every=0.5, what="Envoy has every cluster")
        eventually(lambda: q.curl("-H", "Host: every.example", f"http://127.0.0.1:{port}/nowhere")[0] == 404, 10,
                   what="Envoy's listener")
        _, stats = q.curl(f"http://127.0.0.1:{admin}/stats?filter=update_rejected")
        equal([l for l in stats.splitlines() if l.strip() and not l.endswith(": 0")], [], "rejected updates")
    finally:
        q.stop("envoy-fields")
        clear(q, NAMESPACE)
        remove_namespace(q, NAMESPACE)
