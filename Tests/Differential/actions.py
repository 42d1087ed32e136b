"""What the generated rules do with a request."""
import world

PATHS = ["/", "/new", "/new/", "/n/m", "/", "/a"]
CODES = [301, 302, 303, 307, 308]
OPERATED = ["x-a", "x-b", "x-new", "x-other", "x-up-a", "x-up-b", "server", "User-Agent"]


class Actions:
    def __init__(self, generator):
        self.generator, self.rng = generator, generator.rng

    def fill(self, rule):
        wants = self.generator.wants
        if wants("redirect", 0.12):
            rule["redirect"] = self.redirect()
        elif wants("direct", 0.12):
            rule["directResponse"] = self.direct()
        else:
            self.forward(rule)
        if wants("headerops", 0.3):
            rule["headers"] = self.header_operations()

    def redirect(self):
        redirect = {}
        kind = self.rng.choice(["uri", "none", "authority", "both"])
        if kind in ("uri", "both"):
            redirect["uri"] = self.rng.choice(PATHS + ["/new?x=1"])
        if kind in ("authority", "both"):
            redirect["authority"] = self.rng.choice(["new.test", "new.test:8080"])
        if self.rng.random() < 0.4 or not redirect:
            redirect["scheme"] = self.rng.choice(["https", "http"])
        if self.rng.random() < 0.3:
            redirect["port"] = self.rng.choice([80, 443, 8443])
        elif self.rng.random() < 0.3:
            redirect["derivePort"] = self.rng.choice(["FROM_REQUEST_PORT", "FROM_PROTOCOL_DEFAULT"])
        if self.rng.random() < 0.5:
            redirect["redirectCode"] = self.rng.choice(CODES)
        return redirect

    def direct(self):
        direct = {"status": self.rng.choice([200, 204, 403, 404, 418, 503])}
        if self.rng.random() < 0.6:
            direct["body"] = {"string": self.rng.choice(["hello", "{\"a\":1}", "x" * 300])}
        return direct

    def forward(self, rule):
        wants = self.generator.wants
        count = self.rng.choice([1, 1, 2, 3]) if wants("weights", 0.5) else 1
        targets = [self.destination() for _ in range(count)]
        if count > 1:
            cuts = self.rng.choice({2: [[50, 50], [75, 25], [100, 0], [10, 90]],
                                    3: [[34, 33, 33], [60, 20, 20], [50, 50, 0]]}[count])
            for target, weight in zip(targets, cuts):
                target["weight"] = weight
        for target in targets:
            if wants("headerops", 0.2):
                target["headers"] = self.header_operations()
        rule["route"] = targets
        if wants("rewrite", 0.3):
            rule["rewrite"] = self.rewrite()

    def destination(self):
        destination = {"host": world.service_host(self.rng.choice(world.SERVICES))}
        if self.rng.random() < 0.6:
            destination["subset"] = self.rng.choice(world.VERSIONS)
        if self.rng.random() < 0.5:
            destination["port"] = {"number": 80}
        return {"destination": destination}

    def rewrite(self):
        rewrite = {}
        kind = self.rng.choice(["uri", "uri", "regex", "none"])
        if kind == "uri":
            rewrite["uri"] = self.rng.choice(PATHS)
        elif kind == "regex":
            rewrite["uriRegexRewrite"] = self.rng.choice([
                {"match": "/a/([^/]*)(.*)", "rewrite": "/r/\\1\\2"}, {"match": "b", "rewrite": "B"},
                {"match": "^/(a|b)", "rewrite": "/\\1\\1"}, {"match": "/+", "rewrite": "/"},
                {"match": "(?i)/A", "rewrite": "/z"}])
        if kind == "none" or self.rng.random() < 0.3:
            rewrite["authority"] = self.rng.choice(["re.test", "re.test:90"])
        return rewrite

    def header_operations(self):
        operations = {}
        for side in ("request", "response"):
            if self.rng.random() < 0.7:
                changes = {}
                if self.rng.random() < 0.5:
                    changes["set"] = {name: self.value() for name in self.names()}
                if self.rng.random() < 0.5:
                    changes["add"] = {name: self.value() for name in self.names()}
                if self.rng.random() < 0.5:
                    changes["remove"] = self.names()
                if changes:
                    operations[side] = changes
        return operations or {"request": {"set": {"x-new": "1"}}}

    def names(self):
        return self.rng.sample(OPERATED, self.rng.choice([1, 1, 2]))

    def value(self):
        return self.rng.choice(["1", "two", "a b", "%REQ(x-a)%", "%REQ(:path)%", "100%%", "%PROTOCOL%",
                                "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "%REQ(x-none?x-b)%", "q\"uote"])
