"""The proxies that are compared: Gatehouse, the floor relay, and the peers of peers.py and peer_envoy.py.

All of them append x-forwarded-for, keep upstream connections alive, count what they count by default, and write an
access log only when the site asks for one: what a gateway does at least.
"""
import os
import shutil

import processes
import snapshot

# What a port is for. `mesh` is the client's side of two proxies with mutual TLS between them (`inner`).
EDGE_PORTS = ("plain", "tls", "rsa", "h2", "hosts", "tcp")
PAIR_PORTS = ("mesh", "inner")
HOSTS = {f"h{host}.example.com": [f"/r{route}/" for route in range(10)] for host in range(1000)}


class Site:
    """What every proxy of one comparison is told: where the upstreams are, how many workers, whether to log."""

    def __init__(self, run, binary, upstream, upstream_h2, workers=1, logs=False, is_pair=False):
        self.run, self.binary, self.workers, self.logs, self.is_pair = run, binary, workers, logs, is_pair
        self.upstream, self.upstream_h2, self.hosts, self.ports = upstream, upstream_h2, HOSTS, {}

    def for_one(self):
        """The same with ports of its own."""
        other = Site(self.run, self.binary, self.upstream, self.upstream_h2, self.workers, self.logs, self.is_pair)
        other.ports = {use: processes.free_port() for use in (PAIR_PORTS if self.is_pair else EDGE_PORTS)}
        return other

    def pair(self, kind):
        """The PEM texts of a certificate and its key; `ecdsa` or `rsa`."""
        with open(f"{self.run}/{kind}-cert.pem", "rb") as certificate, open(f"{self.run}/{kind}-key.pem", "rb") as key:
            return certificate.read(), key.read()

    def write(self, name, text):
        path = os.path.join(self.run, name)
        with open(path, "wb" if isinstance(text, bytes) else "w") as file:
            file.write(text)
        return path


class Proxy:
    """One program under test: a process, or two when the site is a pair. No commands: it is not installed."""

    def __init__(self, name, commands, ports):
        self.name, self.commands, self.ports, self.processes = name, commands, ports, []

    def start(self, cores, folder):
        """None, or why it cannot take part."""
        if not self.commands:
            return "is not installed"
        for index, command in enumerate(self.commands):
            self.processes.append(processes.start(command, cores, f"{folder}/{self.name}{index or ''}.log"))
        for port in self.ports.values():
            if not processes.wait_for_port(port, self.processes[0]):
                return f"did not open its ports; see {folder}/{self.name}*.log"
        return None

    @property
    def is_alive(self):
        return all(process.poll() is None for process in self.processes)

    def cpu_nanoseconds(self):
        return sum(processes.cpu_nanoseconds(process.pid) for process in self.processes)

    def resident_kilobytes(self):
        return sum(processes.resident_kilobytes(process.pid) for process in self.processes)

    def stop(self):
        for process in self.processes:
            processes.stop(process)


def program(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")


def gatehouse(site):
    def command(name, content):
        log = [] if site.logs else ["--no-access-log"]
        return [site.binary, "gateway", "--name", "bench", "--state-dir", f"{site.run}/{name}-state", "--snapshot",
                site.write(f"{name}.snapshot", content), "--workers", str(site.workers), "--bind-address",
                "127.0.0.1"] + log

    if not os.access(site.binary, os.X_OK):
        return Proxy("gatehouse", None, site.ports)
    if site.is_pair:
        return Proxy("gatehouse", [command("outbound", snapshot.outbound(site)),
                                   command("inbound", snapshot.inbound(site))], site.ports)
    return Proxy("gatehouse", [command("edge", snapshot.edge(site))], site.ports)


def floor(site):
    """A relay that looks at nothing; it has no TLS, no routes and no log."""
    is_asked = not site.is_pair and not site.logs and site.workers == 1
    ports = {"plain": site.ports.get("plain"), "tcp": site.ports.get("plain")}
    return Proxy("floor", [[f"{site.run}/floor", str(ports["plain"]), str(site.upstream)]] if is_asked else None, ports)


def nghttpx(site):
    """Only for HTTP/2: its plain port and the rest would measure what nobody runs it for."""
    ports = {use: site.ports[use] for use in ("tls", "h2") if use in site.ports}

    def command(port, backend):
        return [program("nghttpx"), "--conf=/dev/null", f"--frontend=127.0.0.1,{port};tls", f"--backend={backend}",
                "--single-process", f"--workers={site.workers}", "--add-x-forwarded-for", "--no-ocsp",
                "--accesslog-file=" + (f"{site.run}/nghttpx.access" if site.logs else ""),
                f"--errorlog-file={site.run}/nghttpx.err", "--frontend-http2-read-timeout=600",
                "--frontend-read-timeout=600", "--frontend-keep-alive-timeout=600", f"{site.run}/ecdsa-key.pem",
                f"{site.run}/ecdsa-cert.pem"]

    if not program("nghttpx") or site.is_pair:
        return Proxy("nghttpx", None, ports)
    return Proxy("nghttpx", [command(ports["tls"], f"127.0.0.1,{site.upstream};;proto=http/1.1"),
                             command(ports["h2"], f"127.0.0.1,{site.upstream_h2};;proto=h2")], ports)
