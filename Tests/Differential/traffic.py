"""Random requests for a configuration, biased to the boundaries of its rules."""
from client import Request
from recorder import Step

import generator as g
import world


class Case:
    """A request, what upstreams are to answer, and whether chance decides part of the outcome."""

    def __init__(self, request, steps):
        self.request, self.steps = request, steps


class Traffic:
    def __init__(self, configuration, rng):
        self.configuration, self.rng = configuration, rng

    def chance(self, share):
        return self.rng.random() < share

    def case(self):
        services = self.configuration.kind("VirtualService")
        service = self.rng.choice(services)
        rule = self.rng.choice(service["spec"]["http"])
        match = self.rng.choice(rule.get("match") or [{}])
        request = self.request(service, match)
        for _ in range(self.rng.choice([0, 0, 1, 1, 2])):
            self.disturb(request)
        return Case(request, self.steps())

    def steps(self):
        fields = []
        if self.chance(0.4):
            fields = [(name, self.rng.choice(["up", "1"])) for name in ("x-up-a", "x-up-b", "x-a", "server")
                      if self.chance(0.5)]
        status = self.rng.choice([200, 200, 200, 200, 201, 404, 500, 503])
        body = self.rng.choice([b"ok", b"", b"x" * 2000])
        return [Step(status, fields, body)]

    # A request that the match takes

    def request(self, service, match):
        host = self.rng.choice(service["spec"]["hosts"])
        if "authority" in match:
            authority = self.satisfy(match["authority"], ["a.test", "x.b.test"])
        else:
            authority = host.replace("*", self.rng.choice(["w", "x", "x.y", "a"])) if host != "*" else "any.test"
        path = self.satisfy(match.get("uri"), g.PATHS)
        if not path.startswith("/"):
            path = "/" + path
        if match.get("ignoreUriCase") and self.chance(0.5):
            path = path.swapcase()
        query = []
        for name, wanted in match.get("queryParams", {}).items():
            query.append(f"{name}={self.satisfy(wanted, g.VALUES)}" if wanted else name)
        fields = [(name.lower(), self.satisfy(wanted, g.VALUES)) for name, wanted in match.get("headers", {}).items()]
        method = self.satisfy(match.get("method"), ["GET", "GET", "GET", "POST", "HEAD"])
        if method not in g.METHODS:
            method = next(m for m in g.METHODS if m.startswith(method[0]))
        port = match.get("port") or self.rng.choice(world.PLAIN_PORTS)
        body = self.rng.choice([b"", b"body", b"y" * 3000]) if method in ("POST", "PUT", "PATCH") else b""
        target = path.replace(" ", "%20") + ("?" + "&".join(query) if query else "")
        return Request(port, method, target, authority, fields, body, http2=self.chance(0.3))

    def satisfy(self, match, otherwise):
        if not match:
            return self.rng.choice(otherwise)
        if "exact" in match:
            return match["exact"]
        if "prefix" in match:
            return match["prefix"] + self.rng.choice(["", "", "/", "b", "/b/c", "1"])
        samples = {
            "/a.*": "/abc", "/[a-c]+": "/abc", "/a/(b|c)/?.*": "/a/c/d", "/api/v\\d+(/.*)?": "/api/v12/x",
            ".*": "/any", "/.*b$": "/xb", "(?i)/A": "/a", "/x%20.": "/x%20z", "/a/[^/]+": "/a/q",
            "a.*": "abc", "[ab]": "b", "\\d+": "42", "a|b": "b", "^a$": "a", "(?i)TRUE": "tRue", "a,b": "a,b",
            "GET|POST": "POST", "P.*": "PATCH", ".*\\.test": "a.test", "a\\..*": "a.test"}
        return samples[match["regex"]]

    # Then something is changed

    def disturb(self, request):
        kind = self.rng.choice(["path", "path", "case", "query", "header", "duplicate", "drop", "method", "host",
                                "port", "hostport", "encode", "slashes", "new"])
        path, _, query = request.target.partition("?")
        if kind == "path":
            path = self.rng.choice([path + "/", path + "x", path[:-1] or "/", path.rstrip("/") or "/",
                                    self.rng.choice(g.PATHS)])
        elif kind == "case":
            path = path.swapcase()
        elif kind == "encode":
            path = self.rng.choice([path.replace("a", "%61"), path + "%2f", path + "%2Fb", path + "/%2e%2e/b", path + "%00",
                                    path + ";p=1"])
        elif kind == "slashes":
            path = self.rng.choice([path + "//", "/" + path, path + "/../b", path + "/./b", path + "\\b", path + "/.."])
        elif kind == "query":
            query = self.rng.choice([query + "&q=1", "q=2&" + query, "", "q", "q=", "Q=a", "a=%61", "q=a&q=b", "?"])
        elif kind in ("header", "new"):
            request.fields.append((self.rng.choice(g.HEADERS).lower(), self.rng.choice(g.VALUES)))
        elif kind == "duplicate" and request.fields:
            request.fields.append((self.rng.choice(request.fields)[0], self.rng.choice(g.VALUES)))
        elif kind == "drop" and request.fields:
            request.fields.pop(self.rng.randrange(len(request.fields)))
        elif kind == "method":
            request.method = self.rng.choice(g.METHODS)
            if request.method in ("GET", "HEAD", "OPTIONS", "DELETE"):
                request.body = b""
        elif kind == "host":
            request.authority = self.rng.choice(["a.test", "b.test", "x.b.test", "y.x.b.test", "A.TEST", "none.example",
                                                 "test", ".test", "a.test."])
        elif kind == "port":
            request.port = self.rng.choice(world.PLAIN_PORTS)
        elif kind == "hostport":
            request.authority = request.authority.split(":")[0] + self.rng.choice([":80", ":8080", ":1"])
        request.target = path + ("?" + query if query else "")
