"""Istio's own bookinfo networking samples, each applied on its own, unchanged, beside a Services file of ours."""
import json
import os
import time

from harness import ROOT, SHARED, Skip, equal, eventually, expect, test

SAMPLES = os.path.join(SHARED, "data", "istio", "samples", "bookinfo", "networking")
SERVICES = os.path.join(ROOT, "Examples", "bookinfo", "services.yaml")
VERSIONS = {"productpage": ["v1"], "details": ["v1", "v2"], "ratings": ["v1", "v2", "v2-mysql", "v2-mysql-vm"],
            "reviews": ["v1", "v2", "v3"]}
JASON = {"end-user": "jason"}

# file -> rows of (service, headers, expectation): a status, or the share in percent of each version that answers.
ROUTES = {
    "destination-rule-all.yaml": [("reviews", {}, {"v1": 33, "v2": 33, "v3": 33})],
    "destination-rule-all-mtls.yaml": [("reviews", {}, {"v1": 33, "v2": 33, "v3": 33}), ("details", {}, {"v1": 50, "v2": 50})],
    "destination-rule-reviews.yaml": [("reviews", {}, {"v1": 33, "v2": 33, "v3": 33})],
    "fault-injection-details-v1.yaml": [("details", {}, 555)],
    "virtual-service-all-v1.yaml": [(s, {}, {"v1": 100}) for s in VERSIONS],
    "virtual-service-details-v2.yaml": [("details", {}, {"v2": 100})],
    "virtual-service-ratings-db.yaml": [("reviews", {}, {"v3": 100}), ("ratings", {}, {"v2": 100})],
    "virtual-service-ratings-mysql.yaml": [("reviews", {}, {"v3": 100}), ("ratings", {}, {"v2-mysql": 100})],
    "virtual-service-ratings-mysql-vm.yaml": [("reviews", {}, {"v3": 100}), ("ratings", {}, {"v2-mysql-vm": 100})],
    "virtual-service-ratings-test-abort.yaml": [("ratings", JASON, 500), ("ratings", {}, {"v1": 100})],
    "virtual-service-ratings-test-delay.yaml": [("ratings", {}, {"v1": 100})],
    "virtual-service-reviews-50-v3.yaml": [("reviews", {}, {"v1": 50, "v3": 50})],
    "virtual-service-reviews-80-20.yaml": [("reviews", {}, {"v1": 80, "v2": 20})],
    "virtual-service-reviews-90-10.yaml": [("reviews", {}, {"v1": 90, "v2": 10})],
    "virtual-service-reviews-jason-v2-v3.yaml": [("reviews", JASON, {"v2": 100}), ("reviews", {}, {"v3": 100})],
    "virtual-service-reviews-test-v2.yaml": [("reviews", JASON, {"v2": 100}), ("reviews", {}, {"v1": 100})],
    "virtual-service-reviews-v2-v3.yaml": [("reviews", {}, {"v2": 50, "v3": 50})],
    "virtual-service-reviews-v3.yaml": [("reviews", {}, {"v3": 100})],
    # Accepted; the one service it names does not exist here, and the other's name cannot be resolved here.
    "certmanager-gateway.yaml": [],
    "egress-rule-google-apis.yaml": [],
    "bookinfo-gateway.yaml": [],
}
KINDS = ("virtualservices", "destinationrules", "gateways", "serviceentries")


def reset(q):
    for namespace in ("bookinfo", "istio-system"):
        for kind in KINDS:
            base = f"/apis/networking.istio.io/v1/namespaces/{namespace}/{kind}"
            for item in q.api("GET", base)["items"]:
                q.api("DELETE", f"{base}/{item['metadata']['name']}")
    q.apply(SERVICES)


def ask(q, service, headers):
    arguments = [a for k, v in headers.items() for a in ("-H", f"{k}: {v}")]
    port = q.sidecars["productpage-v1"]["outbound"]
    return q.curl("-H", f"Host: {service}:9080", *arguments, f"http://127.0.0.1:{port}/")


def follows(q, service, headers, wanted):
    if isinstance(wanted, int):
        status, body = ask(q, service, headers)
        equal(status, wanted, f"{service} {headers}: {body[:200]}")
        return True
    rounds = 12 if list(wanted.values()) == [100] else 150
    counts = {}
    for _ in range(rounds):
        status, body = ask(q, service, headers)
        equal(status, 200, f"{service} {headers}: {body[:200]}")
        version = json.loads(body)["version"]
        counts[version] = counts.get(version, 0) + 1
        expect(version in wanted, f"{service} {headers}: {version} answered")
    for version, share in wanted.items():
        got = 100 * counts.get(version, 0) / rounds
        expect(abs(got - share) <= 14, f"{service} {headers}: {version} got {got:.0f} %, wanted {share} %")
    return True


@test
def bookinfo(q):
    """every bookinfo networking sample is accepted and its routing follows"""
    if not os.path.isdir(SAMPLES):
        raise Skip("no bookinfo samples")
    q.apply(SERVICES)
    started = []
    try:
        for app, versions in VERSIONS.items():
            for version in versions:
                started.append(f"{app}-{version}")
                if app == "reviews":
                    started[-1] = f"bookinfo-{app}-{version}"
                q.start_sidecar(started[-1], version, account=f"bookinfo-{app}", app=app, namespace="bookinfo")
        files = sorted(os.listdir(SAMPLES))
        equal(sorted(ROUTES), files, "rows for every sample")
        for name in files:
            reset(q)
            q.apply(os.path.join(SAMPLES, name), "bookinfo")
            for service, headers, wanted in ROUTES[name]:
                eventually(lambda: follows(q, service, headers, wanted), 8, what=f"{name}: {service} {headers}")
            if name == "virtual-service-ratings-test-delay.yaml":
                start = time.monotonic()
                equal(ask(q, "ratings", JASON)[0], 200, name)
                expect(6.9 <= time.monotonic() - start <= 8.5, f"{name}: {time.monotonic() - start:.2f} s")
            if name == "bookinfo-gateway.yaml":
                url = f"http://127.0.0.1:{q.ports['http8080']}"
                eventually(lambda: q.curl(url + "/productpage")[0] == 200, 8, what=name)
                equal(json.loads(q.curl(url + "/static/a.css")[1])["service"], "productpage", name)
                equal(q.curl(url + "/elsewhere")[0], 404, name)
    finally:
        for name in started:
            q.stop(name)
        reset(q)
