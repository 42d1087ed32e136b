"""The admin API under malformed input and a crash during writes."""
import http.client
import json
import os
import random
import threading
import time
import urllib.error

from harness import ROOT, SHARED, Skip, equal, expect, test

VS = "/apis/networking.istio.io/v1/namespaces/default/virtualservices"


def post(q, path, body, kind="application/json"):
    connection = http.client.HTTPConnection("127.0.0.1", q.ports["dev"], timeout=20)
    connection.request("POST", path, body, {"Content-Type": kind})
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return response, text


@test
def seed_examples(q):
    """the mission's examples get exactly the answer they should"""
    folder = os.path.join(SHARED, "data", "seed")
    if not os.path.isdir(folder):
        raise Skip("no seed folder")
    with open(os.path.join(folder, "index.json")) as f:
        index = json.load(f)
    for row in index:
        with open(os.path.join(folder, row["path"])) as f:
            text = f.read()
        plural = (row.get("kind", "VirtualService") + "s").lower()
        plural = {"serviceentrys": "serviceentries"}.get(plural, plural)
        namespace = "bookinfo" if "namespace: bookinfo" in text else "seed"
        post(q, "/api/v1/namespaces", json.dumps(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}))
        for version in ("v1alpha3", "v1beta1", "v1"):
            if f"networking.istio.io/{version}" in text:
                break
        path = f"/apis/networking.istio.io/{version}/namespaces/{namespace}/{plural}?dryRun=All"
        response, answer = post(q, path, text, "application/yaml")
        files = "resource-root" in row["expect"]
        if row["expect"].startswith("accepted") and not files:
            equal(response.status, 201, f"{row['path']}: {answer.decode()[:400]}")
            if "Warning" in row["expect"]:
                expect(response.getheader("Warning"), f"{row['path']}: no Warning")
        else:
            expect(response.status in (400, 422), f"{row['path']}: {response.status}")
            expect(b"line" in answer or b"spec" in answer, f"{row['path']}: {answer.decode()[:400]}")
    corrected = os.path.join(ROOT, "Examples", "seed")
    for name in sorted(n for n in os.listdir(corrected) if n.endswith(".yaml")):
        with open(os.path.join(corrected, name)) as f:
            text = f.read()
        version = text.split("networking.istio.io/")[1].split()[0]
        path = f"/apis/networking.istio.io/{version}/namespaces/seed/virtualservices?dryRun=All"
        response, answer = post(q, path, text, "application/yaml")
        equal(response.status, 201, f"{name}: {answer.decode()[:400]}")


@test
def malformed(q):
    """400 malformed resources are all refused in the client's name, and nothing crashes"""
    seed = random.randrange(1 << 30)
    rng = random.Random(seed)
    base = json.dumps({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "m"},
        "spec": {"hosts": ["a.example.com"], "http": [{"match": [{"uri": {"prefix": "/a"}}],
                 "route": [{"destination": {"host": "a", "port": {"number": 80}}, "weight": 100}]}]}})
    pid = q.processes["serve"].pid
    for index in range(400):
        body = bytearray(base.encode())
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(body))
            action = rng.randrange(4)
            if action == 0:
                body[at] = rng.randrange(256)
            elif action == 1:
                del body[at:at + rng.randrange(1, 12)]
            elif action == 2:
                body[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 8)))
            else:
                body[at:at] = rng.choice([b"{", b"[", b"null", b"\"", b"1e999", b"\\u0000", b"-0", b"]" * 9])
        response, answer = post(q, VS + "?dryRun=All", bytes(body))
        expect(response.status < 500, f"seed {seed} row {index}: {response.status} {answer[:200]}")
        value = json.loads(answer)
        if response.status >= 400:
            equal(value["kind"], "Status", f"seed {seed} row {index}")
    equal(q.processes["serve"].pid, pid)
    equal(post(q, VS + "?dryRun=All", base)[0].status, 201)


@test
def writes_survive_kill(q):
    """kill -9 of the control process during writes loses no acknowledged resource"""
    acknowledged, stop = [], threading.Event()

    def writer(number):
        count = 0
        while not stop.is_set():
            name = f"w{number}-{count}"
            body = json.dumps({"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry", "metadata": {"name": name, "labels": {"made-by": "writer"}},
                               "spec": {"hosts": [f"{name}.example.net"], "resolution": "DNS",
                                        "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}]}})
            try:
                response, _ = post(q, "/apis/networking.istio.io/v1/namespaces/default/serviceentries", body)
                if response.status == 201:
                    acknowledged.append(name)
                    count += 1
                    time.sleep(0.01)
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
                count += 1

    threads = [threading.Thread(target=writer, args=(n,), daemon=True) for n in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        time.sleep(0.7)
        kill_control(q)
    time.sleep(0.7)
    stop.set()
    for thread in threads:
        thread.join(30)
    expect(len(acknowledged) > 20, f"only {len(acknowledged)} writes were acknowledged")
    wait_for_api(q)
    items = q.api("GET", "/apis/networking.istio.io/v1/namespaces/default/serviceentries")["items"]
    stored = {item["metadata"]["name"] for item in items}
    lost = [name for name in acknowledged if name not in stored]
    equal(lost, [], "lost")
    q.api("DELETE", "/apis/networking.istio.io/v1/namespaces/default/serviceentries?labelSelector=made-by%3Dwriter")


def kill_control(q):
    """kill -9 of the child of the supervisor that runs `gatehouse control`."""
    os.kill(child(q, "control"), 9)


def child(q, command, name=None):
    parent = q.processes["serve"].pid
    for task in os.listdir(f"/proc/{parent}/task"):
        with open(f"/proc/{parent}/task/{task}/children") as f:
            for pid in map(int, f.read().split()):
                with open(f"/proc/{pid}/cmdline", "rb") as c:
                    words = c.read().split(b"\0")
                if len(words) > 1 and words[1].decode() == command and (name is None or name.encode() in words):
                    return pid
    raise AssertionError(f"no child {command} {name or ''}")


def wait_for_api(q, seconds=10):
    deadline = time.monotonic() + seconds
    while True:
        try:
            return q.api("GET", "/readyz")
        except (OSError, urllib.error.URLError, http.client.HTTPException):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
