"""The real kubectl against an appliance of its own. KUBECTL names further binaries, separated by colons."""
import contextlib
import json
import os
import shutil
import subprocess

from harness import Skip, equal, expect, test
from quickstart import Quickstart

VS = """apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
  labels: {{app: reviews}}
spec:
  hosts: [{host}]
  http:
  - route:
    - destination: {{host: {host}}}
"""
SERVICE = """apiVersion: v1
kind: Service
metadata: {{name: a, namespace: bookinfo}}
spec:
  selector: {{app: a}}
  ports: [{{name: http, port: {port}}}]
"""
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: bookinfo}\n"
MULTI = """apiVersion: v1
kind: Namespace
metadata: {name: bookinfo, labels: {set: multi}}
---
apiVersion: v1
kind: Service
metadata: {name: a, namespace: bookinfo, labels: {set: multi}}
spec: {selector: {app: a}, ports: [{name: http, port: 80}]}
"""
EXTRA = """---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: more, namespace: bookinfo, labels: {set: multi}}
spec:
  hosts: [more.example.com]
  http: [{route: [{destination: {host: a}}]}]
"""
BAD_TYPE = VS.format(host="web.example.com").replace("[web.example.com]", "7").replace("reviews", "badtype")
BAD_UNKNOWN = VS.format(host="web.example.com").replace("  http:", "  htp: 1\n  http:").replace("reviews", "unknown")

# Arguments, then the exit status; None: any status that is not a crash of the server (the message says why).
ROWS = [
    ("api-versions", 0), ("api-resources", 0), ("api-resources -o wide --api-group=networking.istio.io", 0),
    ("version", 0), ("cluster-info", 0), ("get vs", 0), ("create -f vs.yaml", 0), ("get vs reviews -o wide", 0),
    ("get virtualservices.networking.istio.io reviews -o yaml", 0),
    ("get virtualservices.v1alpha3.networking.istio.io reviews -o json", 0), ("get vs,gw,dr -A", 0),
    ("get istio-io -A", 0), ("get vs -A --chunk-size=2", 0), ("get vs -l app=reviews", 0),
    ("get vs --field-selector metadata.name=reviews -o name", 0), ("get vs --sort-by=.metadata.name", 0),
    ("get vs --show-labels", 0), ("get vs -o custom-columns=N:.metadata.name,H:.spec.hosts", 0),
    ("get vs reviews -o jsonpath={.spec.hosts[0]}", 0), ("describe vs reviews", 0), ("delete vs reviews", 0),
    ("apply -f vs.yaml", 0), ("diff -f vs2.yaml", 1), ("apply -f vs2.yaml --dry-run=server", 0),
    ("apply -f vs2.yaml --dry-run=client", 0), ("apply -f vs2.yaml", 0), ("apply view-last-applied vs reviews", 0),
    ("replace -f vs.yaml", 0), ("replace --force -f vs.yaml", 0), ("edit vs reviews", 0),
    ('patch vs reviews --type=merge -p {"metadata":{"annotations":{"k":"v"}}}', 0),
    ('patch vs reviews --type=json -p [{"op":"replace","path":"/spec/hosts/0","value":"x.y"}]', 0),
    ('patch vs reviews --type=strategic -p {"metadata":{"annotations":{"k":"v2"}}}', 1),
    ("label vs reviews a=b", 0), ("label vs reviews a=c --overwrite", 0), ("annotate vs reviews n=1", 0),
    ("label vs reviews a=d --overwrite --dry-run=server", 0), ("explain virtualservices.spec.http.route", 0),
    ("explain vs --recursive", 0), ("explain vs --api-version=networking.istio.io/v1alpha3", 0),
    ("delete vs reviews", 0),
    ("apply --server-side -f vs.yaml", 0), ("apply --server-side -f vs.yaml --force-conflicts", 0),
    ("apply --server-side -f vs.yaml --field-manager=other", 0),
    ("apply --server-side -f vs2.yaml --field-manager=other", 1),
    ("apply --server-side -f vs2.yaml --field-manager=other --dry-run=server --force-conflicts", 0),
    ("create -f bad-unknown.yaml", 1), ("create -f bad-unknown.yaml --validate=false", None),
    ("apply -f bad-type.yaml", 1), ("apply -f bad-type.yaml --validate=false", 1),
    ("apply -f multi.yaml", 0), ("apply -f multi.yaml --prune -l set=multi PRUNEFLAG", 0),
    ("apply -f multi-less.yaml --prune -l set=multi PRUNEFLAG", 0),
    ("apply -f svc2.yaml", 0), ("edit svc a -n bookinfo", 0),
    ('patch svc a -n bookinfo -p {"spec":{"ports":[{"port":90,"name":"g2"}]}}', 0),
    ("get svc a -n bookinfo -o jsonpath={.spec.ports}", 0),
    ("create secret tls edge-cert --cert=c.pem --key=k.pem", 0), ("get secret edge-cert", 0),
    ("create secret generic tok --from-literal=a=b", 0), ("label secret tok x=y", 0),
    ("create configmap cm1 --from-literal=a=b", 0), ("create ns newns", 0),
    ("create ns newns2 --dry-run=server -o yaml", 0), ("create serviceaccount bot", 0),
    ("create role r1 --verb=get,list --resource=virtualservices.networking.istio.io", 0),
    ("create rolebinding rb1 --role=r1 --user=bot", 0), ("auth can-i create vs", 0), ("auth can-i --list", 0),
    ("wait --for=delete vs/nope --timeout=2s", None), ("wait --for=condition=Ready vs/reviews --timeout=1s", 1),
    ("get events", 0), ("get --raw /version", 0), ("get all", 0), ("delete vs reviews --dry-run=server", 0),
    ("delete vs reviews --wait=false", 0), ("delete vs --all -A", 0), ("delete -f multi-less.yaml", 0),
    ("delete ns newns", 0), ("scale svc/a --replicas=2", 1), ("get crd", 0),
]
# What only newer clients have.
NEWER = [
    ("auth whoami", 0), ("events", 0), ("create token bot", 0),
    ("wait --for=jsonpath={.status.phase}=Active ns/default --timeout=2s", 0), ("apply -f vs.yaml --validate=strict", 0),
    ("create -f bad-unknown.yaml --validate=strict", 1), ("create -f bad-unknown.yaml --validate=warn", 0),
    ("explain vs.spec.http --output=plaintext-openapiv2", 0),
    ('patch vs reviews --subresource=status --type=merge -p {"status":{"conditions":[{"type":"Ready","status":"True"}]}}',
     0),
    ("get vs reviews --subresource=status -o yaml", 0), ("wait --for=condition=Ready vs/reviews --timeout=2s", 0),
    ("apply --server-side -f vs.yaml --validate=strict --force-conflicts", 0),
]


def clients():
    named = [p for p in os.environ.get("KUBECTL", "").split(":") if p]
    found = shutil.which("kubectl")
    return named + ([found] if found else [])


def minor(client):
    text = subprocess.run([client, "version", "--client", "-o", "json"], capture_output=True, text=True).stdout
    return int("".join(c for c in json.loads(text)["clientVersion"]["minor"] if c.isdigit()))


@contextlib.contextmanager
def appliance(q, name):
    """A control plane of its own, because these commands delete everything."""
    folder = os.path.join(q.folder, name)
    os.makedirs(folder)
    own = Quickstart(folder, binary=q.binary, workers=1)
    own.start_appliance()
    try:
        yield own
    finally:
        own.stop_all()


def write_files(own, folder):
    files = {
        "vs.yaml": VS.format(host="web.example.com"), "vs2.yaml": VS.format(host="www.example.com"),
        "multi.yaml": MULTI + EXTRA, "multi-less.yaml": MULTI, "svc2.yaml": SERVICE.format(port=81),
        "bad-type.yaml": BAD_TYPE, "bad-unknown.yaml": BAD_UNKNOWN,
    }
    for name, text in files.items():
        with open(os.path.join(folder, name), "w") as f:
            f.write(text)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9",
         "-subj", "/CN=www.example.com", "-keyout", os.path.join(folder, "k.pem"), "-out", os.path.join(folder, "c.pem")],
        check=True, capture_output=True)
    editor = os.path.join(folder, "editor.sh")
    with open(editor, "w") as f:
        f.write("#!/bin/sh\nsed -i 's/^metadata:$/metadata:\\n  annotations: {edited: \"yes\"}/' \"$1\"\n")
    os.chmod(editor, 0o755)
    return editor


@test
def kubectl_commands(q):
    """every kubectl command that a user of Istio knows works as stated, with each kubectl that is here"""
    found = clients()
    if not found:
        raise Skip("no kubectl on PATH and none named by KUBECTL")
    for index, client in enumerate(found):
        version = minor(client)
        with appliance(q, f"kubectl-{index}") as own:
            folder = own.folder
            editor = write_files(own, folder)
            env = dict(os.environ, HOME=folder, KUBECONFIG=os.path.join(own.data, "admin.kubeconfig"),
                       EDITOR=editor, KUBE_EDITOR=editor)
            wrong = []
            for line, status in ROWS + (NEWER if version >= 27 else []):
                if line.startswith("create rolebinding") and version < 20:
                    continue
                prune = "--prune-allowlist" if version >= 27 else "--prune-whitelist"
                flags = " ".join(f"{prune}={kind}" for kind in
                                 ("core/v1/Namespace", "core/v1/Service", "networking.istio.io/v1/VirtualService"))
                arguments = line.replace("PRUNEFLAG", flags).split(" ")
                result = subprocess.run([client, *arguments], capture_output=True, text=True, timeout=60, env=env,
                                        cwd=folder)
                text = result.stderr + result.stdout
                if (status is not None and result.returncode != status) or "InternalError" in text:
                    wrong.append(f"{line}: exit {result.returncode}, wanted {status}: {text.strip()[:400]}")
            equal(wrong, [], f"kubectl 1.{version}")
