"""The one exit: external mutual TLS only through the egress gateway."""
import json
import re

from harness import equal, eventually, expect, test


@test
def external_through_egress(q):
    """the external service is reached, through the egress gateway, with the egress gateway's certificate"""
    status, body = q.https("shop.example.com", "/out/payments.example.net")
    equal(status, 200, body)
    said = json.loads(body)["body"]
    expect("CN=egress.example.com" in said and "as payments.example.net" in said, said)

    def logged():
        lines = [json.loads(line) for line in q.log("serve").splitlines() if line.startswith("{")]
        return [l for l in lines if l.get("upstream_cluster") == "outbound|443||payments.example.net"]
    eventually(logged, what="a line in the egress gateway's access log")


@test
def external_refuses_others(q):
    """the external server accepts no certificate but the egress gateway's"""
    port = q.ports["payments"]
    base = ["--cacert", q.certs.path("public.pem"), "--resolve", f"payments.example.net:{port}:127.0.0.1"]
    url = f"https://payments.example.net:{port}/"
    equal(q.curl(*base, url)[0], 400, "without a certificate")
    cert = ["--cert", q.certs.path("partner.example.com.pem"), "--key", q.certs.path("partner.example.com.key")]
    equal(q.curl(*base, *cert, url)[0], 400, "with another certificate")


@test
def registry_only(q):
    """with REGISTRY_ONLY an unknown host gets 502 at the sidecar and at the egress gateway"""
    status, body = q.https("shop.example.com", "/out/unknown.example.org")
    equal(status, 502, body)
    port = q.ports["egress80"]
    equal(q.curl("-H", "Host: unknown.example.org", f"http://127.0.0.1:{port}/")[0], 502)


@test
def sidecar_reaches_services(q):
    """a sidecar reaches a service of the mesh by its name"""
    port = q.sidecars["reviews-v1"]["outbound"]
    for name in ("reviews", "reviews.default", "reviews.default.svc.cluster.local", "reviews:80"):
        status, body = q.curl("-H", f"Host: {name}", f"http://127.0.0.1:{port}/")
        equal(status, 200, f"{name}: {body}")


@test
def metrics(q):
    """/metrics of a sidecar and the merged ones of the admin API count requests"""
    port = q.sidecars["reviews-v1"]["admin"]
    status, text = q.curl(f"http://127.0.0.1:{port}/metrics")
    equal(status, 200)
    expect(re.search(r"^istio_requests_total\{", text, re.M), text[:500])
    merged = q.api("GET", "/metrics")
    expect("istio-ingressgateway" in merged and re.search(r"^istio_requests_total\{", merged, re.M), merged[:500])
