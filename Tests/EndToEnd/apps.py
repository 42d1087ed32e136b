"""Small HTTP servers inside the test process, and the resources that put them into the mesh."""
import http.server
import json
import socket
import threading
import time

from harness import eventually


class App(http.server.ThreadingHTTPServer):
    """Answers JSON with its name, version and what it was asked; `/status/N` N, `/slow` late, `/health` as set."""
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, service, version, delay=0.0):
        super().__init__(("127.0.0.1", 0), Handler)
        self.service, self.version, self.delay = service, version, delay
        self.requests, self.lock = [], threading.Lock()
        self.is_healthy = True
        self.connections, self.most_open = set(), 0
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def process_request_thread(self, request, client_address):
        with self.lock:
            self.connections.add(request)
            self.most_open = max(self.most_open, len(self.connections))
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self.lock:
                self.connections.discard(request)

    def handle_error(self, request, client_address):
        pass  # a proxy that gave up waiting

    def stop(self):
        self.shutdown()
        self.server_close()
        with self.lock:
            for connection in self.connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # closed already


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self):
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length) if length else b""
        with self.server.lock:
            self.server.requests.append((self.command, self.path, dict(self.headers)))
        if self.path.startswith("/slow"):
            time.sleep(self.server.delay)
        is_refusing = self.path == "/health" and not self.server.is_healthy
        status = 503 if is_refusing else int(self.path.split("/")[2]) if self.path.startswith("/status/") else 200
        text = json.dumps({"service": self.server.service, "version": self.server.version, "path": self.path,
                           "headers": {k.lower(): v for k, v in self.headers.items()},
                           "received": len(body)}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = do_OPTIONS = answer

    def log_message(self, *_):
        pass


def service(name, namespace, apps, port=80, **spec):
    """A Service with one WorkloadEntry for each app; further keys of an entry come with the app as a pair."""
    items = [{"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
              "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": port}], **spec}}]
    for index, app in enumerate(apps):
        app, extra = app if isinstance(app, tuple) else (app, {})
        labels = {"app": name, "version": app.version, **extra.pop("labels", {})}
        items.append({"apiVersion": "networking.istio.io/v1", "kind": "WorkloadEntry",
                      "metadata": {"name": f"{name}-{index}", "namespace": namespace, "labels": labels},
                      "spec": {"address": "127.0.0.1", "ports": {"http": app.port}, "labels": labels, **extra}})
    return items


def put(q, items):
    """Creates or replaces objects through the API's batch form."""
    import os
    path = os.path.join(q.folder, "batch.json")
    with open(path, "w") as f:
        json.dump({"apiVersion": "v1", "kind": "List", "items": items}, f)
    return q.apply(path)


def rule(host, namespace="traffic", policy=None, subsets=("v1", "v2"), name=None):
    spec = {"host": host, "subsets": [{"name": s, "labels": {"version": s}} for s in subsets]}
    if policy:
        spec["trafficPolicy"] = policy
    return {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
            "metadata": {"name": name or host.split(".")[0], "namespace": namespace}, "spec": spec}


def virtual_service(host, http, namespace="traffic", **spec):
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
            "metadata": {"name": host.split(".")[0], "namespace": namespace},
            "spec": {"hosts": [host], "http": http, **spec}}


def clear(q, namespace, kinds=("virtualservices", "destinationrules", "sidecars", "serviceentries", "gateways")):
    for kind in kinds:
        base = f"/apis/networking.istio.io/v1/namespaces/{namespace}/{kind}"
        for item in q.api("GET", base)["items"]:
            q.api("DELETE", f"{base}/{item['metadata']['name']}")


def remove_namespace(q, namespace):
    clear(q, namespace)
    for path in ("apis/networking.istio.io/v1/namespaces/{}/workloadentries", "api/v1/namespaces/{}/services",
                 "apis/gatehouse.io/v1/namespaces/{}/healthcheckpolicies"):
        base = "/" + path.format(namespace)
        for item in q.api("GET", base)["items"]:
            q.api("DELETE", f"{base}/{item['metadata']['name']}")
    q.api("DELETE", f"/api/v1/namespaces/{namespace}")
    # One that still has objects inside goes a moment later, and nothing new gets in before.
    eventually(lambda: namespace not in [n["metadata"]["name"] for n in q.api("GET", "/api/v1/namespaces")["items"]],
               15, what=f"the namespace {namespace} is gone")
