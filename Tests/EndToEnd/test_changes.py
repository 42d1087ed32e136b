"""Changes under load."""
import json
import time

from harness import Load, equal, eventually, expect, test

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
