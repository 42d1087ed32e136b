"""The command line as a user meets it."""
import json
import os
import subprocess

from harness import equal, expect, test


def gatehouse(q, *arguments, **options):
    return subprocess.run([q.binary, *arguments], capture_output=True, text=True, timeout=30, **options)


def cli(q, *arguments, **options):
    command, rest = arguments[0], arguments[1:]
    return gatehouse(q, command, "--kubeconfig", os.path.join(q.data, "admin.kubeconfig"), *rest, **options)


@test
def version(q):
    """gatehouse version prints the version"""
    result = gatehouse(q, "version")
    equal(result.returncode, 0)
    expect(result.stdout.startswith("gatehouse "), result.stdout)


@test
def wrong_arguments(q):
    """wrong arguments end with status 2 and say what to write instead"""
    rows = [
        (["serve", "--data-dir", "/tmp/x", "--dev-http", "0.0.0.0:9080"], "127.0.0.1"),
        (["serve", "--data-dir", "/tmp/x", "--port-map", "ingress/80"], "GATEWAY/PORT:[ADDR:]PORT"),
        (["serve", "--data-dir", "/tmp/x", "--port-map", "middle/80:80"], "ingress nor egress"),
        (["serve", "--data-dir", "/tmp/x", "--port-map", "80:8080,egress/80:8080"], "both mapped"),
        (["serve"], "--data-dir"),
        (["serve", "--data-dir", "/tmp/x", "--admin-listen", "nine"], "ADDR:PORT"),
        (["sidecar", "--app", "http"], "--"),
        (["frobnicate"], "frobnicate"),
    ]
    for arguments, hint in rows:
        result = gatehouse(q, *arguments)
        equal(result.returncode, 2, " ".join(arguments))
        expect(hint in result.stderr, f"{arguments}: {result.stderr}")


@test
def get_describe(q):
    """get prints tables, JSON and YAML; describe prints one object with its conditions"""
    table = cli(q, "get", "virtualservices")
    equal(table.returncode, 0, table.stderr)
    expect("NAME" in table.stdout and "reviews" in table.stdout, table.stdout)
    value = json.loads(cli(q, "get", "vs", "reviews", "-o", "json").stdout)
    equal(value["metadata"]["name"], "reviews")
    text = cli(q, "get", "gateway", "public", "-o", "yaml").stdout
    expect("kind: Gateway" in text, text)
    described = cli(q, "describe", "vs", "reviews")
    equal(described.returncode, 0, described.stderr)
    expect("reviews" in described.stdout, described.stdout)
    missing = cli(q, "get", "vs", "nowhere")
    equal(missing.returncode, 1)
    expect("not found" in missing.stderr.lower(), missing.stderr)


@test
def apply_delete(q):
    """apply creates, changes and leaves alone; delete removes; a bad file names the field and line"""
    path = os.path.join(q.folder, "cli.yaml")
    def write(text):
        with open(path, "w") as f:
            f.write(text)
    good = ("apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata:\n  name: cli\nspec:\n"
            "  hosts: [cli.example.net]\n  resolution: DNS\n  ports:\n  - {number: %d, name: http, protocol: HTTP}\n")
    write(good % 80)
    first = cli(q, "apply", "-f", path)
    expect("created" in first.stdout, first.stdout + first.stderr)
    expect("unchanged" in cli(q, "apply", "-f", path).stdout, "second apply")
    write(good % 8080)
    expect("configured" in cli(q, "apply", "-f", path).stdout, "third apply")
    write(good.replace("resolution", "resolutoin") % 80)
    bad = cli(q, "apply", "-f", path)
    equal(bad.returncode, 1, bad.stdout)
    expect("spec.resolutoin" in bad.stderr, bad.stderr)
    equal(cli(q, "delete", "serviceentry", "cli").returncode, 0)
    equal(cli(q, "get", "se", "cli").returncode, 1)
