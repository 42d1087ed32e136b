"""What every configuration of a run may refer to: declared ports, services with their endpoints, certificates."""

NAMESPACE = "default"
PLAIN_PORTS = [80, 8080]
TLS_PORTS = [443, 8443]
PORTS = PLAIN_PORTS + TLS_PORTS
SERVICES = ["alpha", "beta", "gamma"]
VERSIONS = ["v1", "v2", "v3"]
REPLICAS = 2
MARKER = "marker.differential.test"
LABEL = {"differential": "yes"}


def service_host(name):
    return f"{name}.mesh.test"


def endpoint_name(service, version, replica):
    return f"{service}-{version}-{replica}"


def service_of(endpoint):
    """`alpha-v1-0` → `alpha-v1`: which destination an endpoint belongs to, whichever of its replicas answered."""
    return endpoint.rsplit("-", 1)[0]


async def start_endpoints(recorder):
    ports = {}
    for service in SERVICES:
        for version in VERSIONS:
            for replica in range(REPLICAS):
                name = endpoint_name(service, version, replica)
                ports[name] = await recorder.listen(name)
    return ports


def resource(kind, name, spec, group="networking.istio.io/v1", namespace=NAMESPACE):
    return {"apiVersion": group, "kind": kind,
            "metadata": {"name": name, "namespace": namespace, "labels": dict(LABEL)}, "spec": spec}


def marker(serial):
    """Resources that show which configuration a proxy serves: a host that answers with its number.

    The Gateway also keeps the plain ports open whatever a configuration declares, so that listeners live on.
    """
    return [
        resource("Gateway", f"marker-{serial}", {
            "selector": {"istio": "ingressgateway"},
            "servers": [{"port": {"number": port, "name": f"http-{port}", "protocol": "HTTP"}, "hosts": [MARKER]}
                        for port in PLAIN_PORTS]}),
        resource("VirtualService", f"marker-{serial}", {
            "hosts": [MARKER], "gateways": [f"marker-{serial}"],
            "http": [{"directResponse": {"status": 200, "body": {"string": str(serial)}}}]}),
    ]
