"""Random but valid resources, from a seed.

Values come from small alphabets, so that rules overlap, shadow each other and meet the requests at their boundaries.
"""
import random

import world
from actions import Actions

GATEWAY_HOSTS = ["*", "a.test", "b.test", "*.test", "*.b.test", "x.b.test"]
PATHS = ["/", "/a", "/a/", "/ab", "/a/b", "/A", "/a/b/c", "/api/v1", "/api/v1/", "/x%20y", "/a%2Fb", "/q", "/a.b", "/aa",
         "/%41", "/é".encode().decode("latin-1")]
PREFIXES = ["/", "/a", "/a/", "/ab", "/a/b", "/api", "/api/v1/", "/A", "/q", "/x%20"]
PATH_REGEXES = ["/a.*", "/[a-c]+", "/a/(b|c)/?.*", "/api/v\\d+(/.*)?", ".*", "/.*b$", "(?i)/A", "/x%20.", "/a/[^/]+"]
VALUES = ["", "1", "a", "A", "ab", "b", "true", "a,b", "x y"]
VALUE_REGEXES = ["a.*", ".*", "[ab]", "\\d+", "a|b", "^a$", "(?i)TRUE", "a,b"]
HEADERS = ["x-a", "x-b", "end-user", "X-Mixed"]
QUERY = ["q", "v", "Q", "a"]
METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"]


class Configuration:
    """A set of resources, and what the traffic and the comparison need to know about it."""

    def __init__(self, seed, index):
        self.seed, self.index, self.resources = seed, index, []
        self.rng = random.Random(f"{seed}:{index}")

    def kind(self, name):
        return [r for r in self.resources if r["kind"] == name]

    @property
    def rules(self):
        return [rule for service in self.kind("VirtualService") for rule in service["spec"].get("http", [])]


def covers(pattern, host):
    """Whether a host pattern takes every name that `host` takes."""
    return pattern == host or pattern.startswith("*") and host.endswith(pattern[1:])


class Generator:
    def __init__(self, rng, features=None):
        self.rng, self.features = rng, features
        self.actions = Actions(self)

    def chance(self, share):
        return self.rng.random() < share

    def wants(self, feature, share):
        """Whether a rule has a feature; all are on unless the run names some."""
        if self.features is not None and feature not in self.features:
            return False
        return self.rng.random() < share

    # Matches

    def string_match(self, exacts, prefixes, regexes):
        kind = self.rng.choice(["exact", "prefix", "prefix", "regex"])
        choice = self.rng.choice({"exact": exacts, "prefix": prefixes, "regex": regexes}[kind])
        return {kind: choice}

    def value_match(self, presence=True):
        if presence and self.chance(0.2):
            return {}
        return self.string_match(VALUES[1:], [v for v in VALUES if v], VALUE_REGEXES)

    def match(self, ports, gateways):
        match = {}
        if self.chance(0.7):
            match["uri"] = self.string_match(PATHS, PREFIXES, PATH_REGEXES)
            if "regex" not in match["uri"] and self.chance(0.2):
                match["ignoreUriCase"] = True
        if self.wants("headers", 0.35):
            names = self.rng.sample(HEADERS, self.rng.choice([1, 1, 2]))
            match["headers"] = {name: self.value_match() for name in names}
        if self.wants("without", 0.12):
            match["withoutHeaders"] = {self.rng.choice(HEADERS): self.value_match()}
        if self.wants("query", 0.25):
            match["queryParams"] = {name: self.value_match()
                                    for name in self.rng.sample(QUERY, self.rng.choice([1, 1, 2]))}
        if self.wants("method", 0.2):
            match["method"] = self.string_match(METHODS, ["P", "GE"], ["GET|POST", "P.*"])
        if self.wants("authority", 0.1):
            match["authority"] = self.string_match(["a.test", "x.b.test"], ["a", "x."], [".*\\.test", "a\\..*"])
        if self.wants("scheme", 0.08):
            match["scheme"] = {"exact": self.rng.choice(["http", "https"])}
        if self.wants("port", 0.08):
            match["port"] = self.rng.choice(ports)
        if self.wants("gateways", 0.08):
            match["gateways"] = [self.rng.choice(gateways)]
        if not match:
            match["uri"] = {"prefix": "/"}
        return match

    # Resources

    @staticmethod
    def apart(hosts):
        """Hosts of one resource may not cover each other: of such, the first stays."""
        kept = []
        for host in hosts:
            if not any(covers(host, other) or covers(other, host) for other in kept):
                kept.append(host)
        return kept

    def virtual_service(self, name, gateways, ports, hosts):
        rules = []
        for index in range(self.rng.choice([1, 2, 3, 3, 4, 6])):
            rule = {}
            if self.chance(0.3):
                rule["name"] = f"rule-{index}"
            if self.chance(0.85):
                rule["match"] = [self.match(ports, gateways) for _ in range(self.rng.choice([1, 1, 1, 2, 3]))]
            self.actions.fill(rule)
            rules.append(rule)
        return world.resource("VirtualService", name, {"hosts": hosts, "gateways": gateways, "http": rules})

    def gateway(self, name, ports):
        servers = []
        for port in ports:
            hosts = self.rng.sample(GATEWAY_HOSTS, self.rng.choice([1, 2, 3]))
            hosts = ["*"] if "*" in hosts else hosts
            servers.append({"port": {"number": port, "name": f"http-{port}", "protocol": "HTTP"},
                            "hosts": [self.scoped(h) for h in hosts]})
        return world.resource("Gateway", name, {"selector": {"istio": "ingressgateway"}, "servers": servers})

    def scoped(self, host):
        if self.chance(0.15):
            return self.rng.choice(["./", "*/", f"{world.NAMESPACE}/", "other/"]) + host
        return host

    def entry(self, service, endpoints):
        """A service whose replicas are known by address, with a label for each version."""
        listed = [{"address": "127.0.0.1", "ports": {"http": endpoints[world.endpoint_name(service, version, replica)]},
                   "labels": {"version": version}}
                  for version in world.VERSIONS for replica in range(world.REPLICAS)]
        return world.resource("ServiceEntry", service, {
            "hosts": [world.service_host(service)], "location": "MESH_EXTERNAL", "resolution": "STATIC",
            "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}], "endpoints": listed})

    def destination_rule(self, service):
        return world.resource("DestinationRule", service, {
            "host": world.service_host(service), "trafficPolicy": {"tls": {"mode": "DISABLE"}},
            "subsets": [{"name": version, "labels": {"version": version}} for version in world.VERSIONS]})


def generate(seed, index, endpoints, features=None):
    configuration = Configuration(seed, index)
    generator = Generator(configuration.rng, features)
    rng = configuration.rng
    prefix = f"c{index}"
    gateways = []
    for number in range(rng.choice([1, 1, 2])):
        ports = sorted(rng.sample(world.PLAIN_PORTS, rng.choice([1, 2])))
        name = f"{prefix}-gw{number}"
        gateways.append((name, ports))
        configuration.resources.append(generator.gateway(name, ports))
    for service in world.SERVICES:
        configuration.resources.append(generator.entry(service, endpoints))
        configuration.resources.append(generator.destination_rule(service))
    taken = set()
    for number in range(rng.choice([1, 2, 2, 3])):
        chosen = rng.sample(gateways, rng.choice([1, len(gateways)]))
        hosts = generator.apart(rng.sample(GATEWAY_HOSTS, rng.choice([1, 1, 2])))
        names = [name for name, _ in chosen]
        ports = sorted({port for _, ports in chosen for port in ports})
        taken.update(hosts)
        configuration.resources.append(generator.virtual_service(f"{prefix}-vs{number}", names, ports, hosts))
    return configuration
