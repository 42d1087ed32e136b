"""The examples of the mission's document, each on the wire: what it says is what happens."""
import concurrent.futures
import json
import os
import subprocess
import time

from apps import App, clear, put, remove_namespace, rule, service
from harness import ROOT, SHARED, Skip, equal, eventually, expect, test

SEED = os.path.join(SHARED, "data", "seed")
FIXED = os.path.join(ROOT, "Examples", "seed")
NAMESPACE = "seed"
JASON = {"end-user": "jason"}


def example(number):
    """The corrected form where the printed one is broken."""
    fixed = os.path.join(FIXED, f"{number}.yaml")
    return fixed if os.path.exists(fixed) else os.path.join(SEED, f"{number}.yaml")


def ask(q, host, path="/", headers=None, caller="reviews-v2"):
    arguments = [a for k, v in (headers or {}).items() for a in ("-H", f"{k}: {v}")]
    port = q.sidecars[caller]["outbound"]
    return q.curl("-H", f"Host: {host}", *arguments, f"http://127.0.0.1:{port}{path}")


def version(q, host, path="/", headers=None, caller="reviews-v2"):
    status, body = ask(q, host, path, headers, caller)
    equal(status, 200, f"{host}{path} {headers} from {caller}: {body[:200]}")
    return json.loads(body)["version"]


def many(count, call):
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        return list(pool.map(lambda _: call(), range(count)))


def apply(q, path, namespace):
    """What the command says, warnings included."""
    result = subprocess.run(
        [q.binary, "apply", "--kubeconfig", os.path.join(q.data, "admin.kubeconfig"), "--namespace", namespace,
         "-f", path], capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(result.stdout + result.stderr)
    return result.stdout + result.stderr


class Scene:
    """The services that the examples speak of, in a namespace of their own."""

    def __init__(self, q):
        self.q = q
        self.changes = 0
        self.apps = {}
        items = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
                 {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "my-namespace"}},
                 {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bookinfo"}}]
        for name in ("reviews", "ratings", "my-svc", "productpage"):
            self.apps[name] = [App(name, v, delay=20) for v in ("v1", "v2", "v3")]
            items += service(name, NAMESPACE, self.apps[name])
        for name in ("svc-1", "svc-2"):
            self.apps[name] = [App(name, name)]
            items += service(name, "my-namespace", self.apps[name])
        put(q, items)

    def app(self, name, which):
        return next(a for a in self.apps[name] if a.version == which)

    def use(self, number, *more):
        clear(self.q, NAMESPACE)
        named = {m["spec"]["host"] for m in more if m["kind"] == "DestinationRule"}
        rules = [rule(n, NAMESPACE, subsets=("v1", "v2", "v3"))
                 for n in ("reviews", "ratings", "my-svc", "productpage") if n not in named]
        put(self.q, rules + list(more))
        printed = apply(self.q, example(number), NAMESPACE)
        self.settle()
        return printed

    def settle(self):
        """Waits until the callers follow a rule that was written after all others."""
        self.changes += 1
        name = f"marker-{self.changes}.example"
        put(self.q, [{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
                      "metadata": {"name": "marker", "namespace": NAMESPACE},
                      "spec": {"hosts": [name], "http": [{"directResponse": {"status": 200}}]}}])
        for caller in ("reviews-v1", "reviews-v2"):
            eventually(lambda: ask(self.q, name, caller=caller)[0] == 200, 8, what=f"the change reaches {caller}")

    def close(self):
        for apps in self.apps.values():
            for app in apps:
                app.stop()
        for name in (NAMESPACE, "my-namespace"):
            remove_namespace(self.q, name)


def routes(q, scene):
    scene.use("01")
    eventually(lambda: {version(q, "reviews.seed") for _ in range(20)} == {"v1", "v2"}, 5, what="01")
    counts = many(600, lambda: version(q, "reviews.seed"))
    share = counts.count("v1") / 6
    expect(69 <= share <= 81, f"01: v1 got {share:.0f} %")
    expect(set(counts) == {"v1", "v2"}, "01: only v1 and v2")
    scene.use("02")
    eventually(lambda: version(q, "shop.my-co.org") == "v1", 5, what="02")
    equal({version(q, h) for h in ("a.my-co.org", "b.a.my-co.org")}, {"v1"}, "02")
    scene.use("03")
    eventually(lambda: version(q, "my-namespace.com", "/svc-1/x") == "svc-1", 5, what="03")
    equal(version(q, "my-namespace.com", "/svc-2"), "svc-2", "03")
    equal(ask(q, "my-namespace.com", "/other")[0], 404, "03")
    scene.use("04", {"apiVersion": "networking.istio.io/v1", "kind": "Gateway",
                     "metadata": {"name": "my-gateway", "namespace": NAMESPACE},
                     "spec": {"selector": {"istio": "ingressgateway"}, "servers": [{
                         "port": {"number": 8080, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}]}})
    def cookie(text):
        status, body = q.curl("-H", f"Cookie: {text}", "-H", "Host: anything.example",
                              f"http://127.0.0.1:{q.ports['http8080']}/")
        equal(status, 200, f"04: {body[:200]}")
        return json.loads(body)["version"]
    eventually(lambda: cookie("user=jason") == "v2", 5, what="04")
    equal([cookie(c) for c in ("a=1;user=jason; b=2", "user=jasons", "xuser=jason")], ["v2", "v1", "v1"], "04")


def conditions(q, scene):
    scene.use("05")
    eventually(lambda: ask(q, "ratings.seed")[0] == 200, 5, what="05: the caller is labelled app: reviews")
    scene.use("06")
    eventually(lambda: ask(q, "reviews.seed", headers={"end-user": "jasons"})[0] == 404, 5, what="06")
    equal(ask(q, "reviews.seed", headers=JASON)[0], 200, "06")
    scene.use("07")
    eventually(lambda: ask(q, "productpage.seed", "/api/v2")[0] == 404, 5, what="07")
    equal(ask(q, "productpage.seed", "/api/v1/products")[0], 200, "07")
    scene.use("08")
    eventually(lambda: ask(q, "ratings.seed")[0] == 404, 5, what="08: without the header")
    equal(ask(q, "ratings.seed", headers=JASON)[0], 200, "08: both hold")
    eventually(lambda: ask(q, "ratings.seed", headers=JASON, caller="reviews-v1")[0] == 404, 5, what="08: from v1")
    scene.use("09")
    eventually(lambda: ask(q, "ratings.seed")[0] == 200, 5, what="09: from v2, without the header")
    eventually(lambda: ask(q, "ratings.seed", caller="reviews-v1")[0] == 404, 5, what="09: neither")
    equal(ask(q, "ratings.seed", headers=JASON, caller="reviews-v1")[0], 200, "09: from v1, with it")
    scene.use("10")
    eventually(lambda: {version(q, "reviews.seed") for _ in range(9)} == {"v1"}, 5, what="10")
    equal({version(q, "reviews.seed", headers={"Foo": "bar"}) for _ in range(9)}, {"v2"}, "10")


def balancing(q, scene):
    """Two endpoints of v2 take turns; three of v1 are picked at random."""
    extra = [App("my-svc", "v2"), App("my-svc", "v1"), App("my-svc", "v1")]
    try:
        put(q, service("my-svc", NAMESPACE, scene.apps["my-svc"] + extra))
        clear(q, NAMESPACE)
        q.apply(example("11"), NAMESPACE)
        route = lambda subset: {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
                                "metadata": {"name": "my-svc", "namespace": NAMESPACE},
                                "spec": {"hosts": ["my-svc"], "http": [{"route": [{"destination": {
                                    "host": "my-svc", "subset": subset}}]}]}}
        put(q, [route("v2")])
        eventually(lambda: {version(q, "my-svc.seed") for _ in range(9)} == {"v2"}, 5, what="11")
        two = [scene.app("my-svc", "v2"), extra[0]]
        for app in two:
            app.requests.clear()
        for _ in range(40):
            equal(version(q, "my-svc.seed"), "v2", "11")
        counts = [len(app.requests) for app in two]
        expect(abs(counts[0] - counts[1]) <= 2, f"11: round robin gave {counts}")
        put(q, [route("v3")])
        eventually(lambda: version(q, "my-svc.seed") == "v3", 5, what="11")
        put(q, [route("v1")])
        eventually(lambda: version(q, "my-svc.seed") == "v1", 5, what="11")
        three = [scene.app("my-svc", "v1"), *extra[1:]]
        for app in three:
            app.requests.clear()
        for _ in range(90):
            version(q, "my-svc.seed")
        counts = [len(app.requests) for app in three]
        expect(min(counts) >= 12, f"11: random gave {counts}")
    finally:
        for index in range(3, 6):
            q.api("DELETE", f"/apis/networking.istio.io/v1/namespaces/{NAMESPACE}/workloadentries/my-svc-{index}")
        for app in extra:
            app.stop()


def refused_files(q, scene):
    for number in ("12", "15"):
        try:
            scene.use(number)
            raise AssertionError(f"{number} was accepted without --resource-root")
        except RuntimeError as error:
            expect("--resource-root" in str(error), f"{number}: {error}")
    clear(q, NAMESPACE)
    printed = apply(q, example("13"), NAMESPACE)
    expect("arning" in printed, f"13: no warning in {printed}")
    equal(q.curl("-H", "Host: ext-svc", f"http://127.0.0.1:{q.ports['http']}/")[0], 404, "13")


def registry(q, scene):
    port = q.sidecars["reviews-v2"]["outbound"]
    tunnel = lambda: q.curl("--proxytunnel", "-x", f"http://127.0.0.1:{port}", "https://ext-resource.com/")
    def refusal():
        lines = q.log("reviews-v2").splitlines()
        last = [json.loads(l) for l in lines if l.startswith("{") and "ext-resource.com" in l]
        return last[-1] if last else {}
    tunnel()
    eventually(lambda: refusal().get("route_name") == "block_all", 5, what="14: unknown before")
    scene.use("14")
    def known():
        tunnel()
        return "ext-resource.com" in (refusal().get("upstream_cluster") or "")
    eventually(known, 5, what="14: in the registry")
    entry = q.api("GET", f"/apis/networking.istio.io/v1/namespaces/{NAMESPACE}/serviceentries/svc-entry")
    expect(any(a["value"].startswith("240.240.") for a in entry["status"]["addresses"]), "14: a virtual address")


def isolation(q, scene):
    app = App("inner", "v1")
    try:
        put(q, service("inner", "bookinfo", [app]))
        q.start_sidecar("seed-caller", "v1", account="default", app="caller", namespace="bookinfo")
        eventually(lambda: ask(q, "ratings.seed", caller="seed-caller")[0] == 200, 8, what="16: before")
        q.apply(example("16"))
        eventually(lambda: ask(q, "ratings.seed", caller="seed-caller")[0] == 502, 8, what="16: other namespaces")
        equal(ask(q, "inner", caller="seed-caller")[0], 200, "16: the own namespace")
        names = q.curl(f"http://127.0.0.1:{q.sidecars['seed-caller']['admin']}/config_dump")[1]
        expect("ratings.seed" not in names and "inner.bookinfo" in names, "16: the configuration did not shrink")
    finally:
        q.stop("seed-caller")
        q.sidecars.pop("seed-caller", None)
        clear(q, "bookinfo")
        for base, name in (("/api/v1/namespaces/bookinfo/services", "inner"),
                           ("/apis/networking.istio.io/v1/namespaces/bookinfo/workloadentries", "inner-0")):
            q.api("DELETE", f"{base}/{name}")
        app.stop()


def times(q, scene):
    """A timeout of 10 s, and three further tries of 2 s each."""
    slow = scene.app("ratings", "v1")
    scene.use("17")
    eventually(lambda: version(q, "ratings.seed") == "v1", 5, what="17")
    start = time.monotonic()
    equal(ask(q, "ratings.seed", "/slow")[0], 504, "17")
    expect(9.5 <= time.monotonic() - start <= 11.5, f"17: {time.monotonic() - start:.1f} s")
    scene.use("18")
    eventually(lambda: version(q, "ratings.seed") == "v1", 5, what="18")
    slow.requests.clear()
    start = time.monotonic()
    equal(ask(q, "ratings.seed", "/slow/tries")[0], 504, "18")
    expect(7.5 <= time.monotonic() - start <= 10.5, f"18: {time.monotonic() - start:.1f} s")
    equal(len([r for r in slow.requests if r[1] == "/slow/tries"]), 4, "18: the first try and three more")


def limits(q, scene):
    with open(example("19")) as f:
        equal("maxConnections: 100" in f.read(), True)
    app = scene.app("reviews", "v1")
    app.delay = 2
    clear(q, NAMESPACE)
    q.apply(example("19"), NAMESPACE)
    put(q, [{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
             "metadata": {"name": "reviews", "namespace": NAMESPACE},
             "spec": {"hosts": ["reviews"], "http": [{"route": [{"destination": {
                 "host": "reviews", "subset": "v1"}}]}]}}])
    eventually(lambda: {version(q, "reviews.seed") for _ in range(4)} == {"v1"}, 5, what="19")
    app.most_open = 0
    with concurrent.futures.ThreadPoolExecutor(140) as pool:
        answers = list(pool.map(lambda _: ask(q, "reviews.seed", "/slow")[0], range(140)))
    equal(set(answers), {200}, "19: what finds no connection waits for one")
    expect(90 <= app.most_open <= 101, f"19: {app.most_open} connections")


def faults(q, scene):
    printed = scene.use("20")
    expect("10" in printed and "arning" in printed, f"20: {printed}")
    eventually(lambda: version(q, "ratings.seed") == "v1", 5, what="20")
    start = time.monotonic()
    many(60, lambda: ask(q, "ratings.seed"))
    expect(time.monotonic() - start < 16, "20: 0.1 means 0.1 %")
    expect("arning" in scene.use("21"), "21")
    eventually(lambda: version(q, "ratings.seed") == "v1", 5, what="21")
    share = many(500, lambda: ask(q, "ratings.seed")[0]).count(400) / 5
    expect(share <= 2, f"21: {share} % instead of 0.1 %")
    scene.use("22")
    eventually(lambda: ask(q, "ratings.seed", caller="reviews-v1")[0] == 404, 5, what="22: no rule for v1")
    start = time.monotonic()
    expect(ask(q, "ratings.seed")[0] in (200, 400), "22")
    expect(4.8 <= time.monotonic() - start <= 7, f"22: {time.monotonic() - start:.1f} s")


@test
def seed_examples(q):
    """every example of the mission's document behaves as it says"""
    if not os.path.isdir(SEED):
        raise Skip("no seed examples")
    scene = Scene(q)
    try:
        for part in (routes, conditions, balancing, refused_files, registry, isolation, times, limits, faults):
            part(q, scene)
    finally:
        scene.close()
