#!/usr/bin/env python3
"""User-space instructions per request of a gateway, whole and by part, counted by callgrind: the load of the machine
does not matter. Every figure has a limit; the exit status is 1 when one is exceeded, 77 when a tool is missing.

  instructions.py [--binary PATH] [--requests N] [--profile ROW]
"""
import argparse
import glob
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
import processes
import proxies
import rows
import snapshot

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
BODY = b"x" * 1024
ANSWER = (b"HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Mon, 23 Nov 2026 00:00:00 GMT\r\n"
          b"Content-Type: application/octet-stream\r\nCache-Control: no-cache\r\nContent-Length: 1024\r\n\r\n" + BODY)
BROWSER = "".join(f"{header}\r\n" for header in rows.BROWSER[1::2])


def request(host, path, more=""):
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench\r\nAccept: */*\r\n{more}\r\n".encode()


# name: (what, port, requests in turn)
LOADS = {
    "keepalive": ("a plain request", "plain", [request("localhost", "/1k")]),
    "browser": ("a request with browser headers", "plain",
                [request("localhost", "/1k", BROWSER.replace("User-Agent", "X-Agent"))]),
    "hosts": ("a request to one of 1,000 hosts × 10 routes", "hosts",
              [request(f"h{turn * 7919 % 1000}.example.com", f"/r{turn % 10}/1k") for turn in range(1000)]),
}

HEADS = r"HTTP1HeadParserV"
# Runs some seconds after the start, whatever is asked meanwhile: no request costs it.
START_UP = r"gh_release_startup_memory"

# The functions named here are `@inline(never)`, so that they can be told apart.
# (load, what, a part of the function's name or None for all, most instructions per request)
LIMITS = [
    ("keepalive", "everything", None, 20000),
    ("keepalive", "HTTP/1 decoder: both heads", HEADS, 3500),
    ("keepalive", "route match", r"RouteTableC5match", 700),
    ("keepalive", "filter chain", r"ExchangeC6filter", 600),
    ("keepalive", "statistics", r"ExchangeC5count", 400),
    ("browser", "everything", None, 24000),
    ("browser", "HTTP/1 decoder: both heads", HEADS, 6800),
    ("hosts", "everything", None, 22500),
    ("hosts", "route match", r"RouteTableC5match", 2600),
]


class Upstream(threading.Thread):
    """Answers every request head; good enough for a proxy that valgrind slows down fifty times."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self):
        while True:
            peer, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    @staticmethod
    def serve(peer):
        held = b""
        while part := peer.recv(65536):
            held += part
            count = held.count(b"\r\n\r\n")
            if count:
                peer.sendall(ANSWER * count)
                held = held[held.rindex(b"\r\n\r\n") + 4:]


def ask(port, requests, count):
    """Sends them one after the other on eight connections in turn."""
    connections = [socket.create_connection(("127.0.0.1", port), 30) for _ in range(8)]
    for turn in range(count):
        connection = connections[turn % len(connections)]
        connection.sendall(requests[turn % len(requests)])
        got = b""
        while not got.endswith(BODY):
            part = connection.recv(65536)
            if not part:
                sys.exit("instructions: the gateway closed a connection")
            got += part
        if not got.startswith(b"HTTP/1.1 200"):
            sys.exit(f"instructions: unexpected answer: {got[:60]!r}")
    for connection in connections:
        connection.close()


class Profile:
    """Self and inclusive cost by function of one callgrind dump."""

    def __init__(self, path):
        self.own, self.within, self.names = {}, {}, {}
        current = called = None
        is_call = False
        with open(path) as lines:
            for line in lines:
                if line.startswith("fn="):
                    current = self.name(line[3:])
                elif line.startswith("cfn="):
                    called = self.name(line[4:])
                elif line.startswith("calls="):
                    is_call = True
                elif line[:1] in "0123456789+-*" and len(fields := line.split()) > 1:
                    cost = int(fields[1])
                    if is_call:
                        self.within[called, current] = self.within.get((called, current), 0) + cost
                        is_call = False
                    else:
                        self.own[current] = self.own.get(current, 0) + cost

    def name(self, text):
        number, _, name = text.strip().partition(" ")
        if name:
            self.names[number] = name
        return self.names.get(number, number)

    def total(self):
        return sum(self.own.values())

    def inclusive(self, pattern):
        """Of all matching functions, when called from one that does not match; None when there is none."""
        wanted = re.compile(pattern)
        costs = [cost for (called, caller), cost in self.within.items()
                 if wanted.search(called) and not wanted.search(caller)]
        return sum(costs) if costs else None


def control(what, process):
    done = subprocess.run(["callgrind_control", what, str(process.pid)], capture_output=True, text=True)
    if "Error" in done.stdout or done.returncode:
        sys.exit(f"instructions: callgrind_control: {done.stdout}{done.stderr}")
    time.sleep(0.3)


def start(options, run, upstream):
    """A gateway under callgrind. Its debug information is cut off: valgrind does not read all of DWARF 5."""
    site = proxies.Site(run, f"{run}/gatehouse", upstream, upstream).for_one()
    for kind in ("ecdsa", "rsa"):
        if not os.path.exists(f"{run}/{kind}-cert.pem"):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj",
                            "/CN=localhost", "-keyout", f"{run}/{kind}-key.pem", "-out", f"{run}/{kind}-cert.pem"],
                           check=True, capture_output=True)
    subprocess.run(["objcopy", "--strip-debug", options.binary, site.binary], check=True)
    gateway = proxies.gatehouse(site)
    # With tunables of its own the gateway does not replace itself, which valgrind would not follow.
    command = ["env", "GLIBC_TUNABLES=glibc.malloc.tcache_count=512", "valgrind", "--tool=callgrind",
               f"--callgrind-out-file={run}/callgrind.out"] + gateway.commands[0]
    with open(f"{run}/valgrind.log", "wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    if not all(processes.wait_for_port(port, process, 180) for port in gateway.ports.values()):
        sys.exit(f"instructions: the gateway did not open its ports; see {run}/valgrind.log")
    return process, gateway.ports


def measure(options, run):
    for old in glob.glob(f"{run}/callgrind.out*"):
        os.remove(old)
    upstream = Upstream()
    upstream.start()
    process, ports = start(options, run, upstream.port)
    try:
        time.sleep(1)
        profiles = {}
        for turn, (name, (_, port, requests)) in enumerate(LOADS.items()):
            ask(ports[port], requests, 300)
            control("-z", process)
            ask(ports[port], requests, options.requests)
            control("-d", process)
            profiles[name] = Profile(f"{run}/callgrind.out.{turn + 1}")
        return profiles
    finally:
        processes.stop(process)


def report(profiles, requests):
    exceeded = 0
    print("| load | part | instructions per request | limit |\n|---|---|---|---|")
    for load, what, pattern, most in LIMITS:
        profile = profiles[load]
        cost = profile.inclusive(pattern) if pattern else profile.total() - (profile.inclusive(START_UP) or 0)
        each = cost / requests if cost is not None else None
        is_fine = each is not None and each <= most
        exceeded += not is_fine
        shown = f"{each:,.0f}" if each is not None else "no such function"
        print(f"| {LOADS[load][0]} | {what} | {shown} | {most:,}{'' if is_fine else ' **exceeded**'} |")
    return exceeded


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", default=f"{ROOT}/.build/release/gatehouse")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--profile", choices=LOADS, help="show where the instructions of this load are")
    options = parser.parse_args()
    for tool in ("valgrind", "callgrind_control", "objcopy"):
        if shutil.which(tool) is None:
            print(f"instructions: skipped, `{tool}` is not installed (apt: valgrind, binutils)")
            sys.exit(77)
    run = f"{ROOT}/.bench/instructions"
    os.makedirs(run, exist_ok=True)
    profiles = measure(options, run)
    if options.profile:
        own = profiles[options.profile].own
        for name in sorted(own, key=own.get, reverse=True)[:60]:
            print(f"{own[name] / options.requests:9.1f}  {name}")
        return
    sys.exit(1 if report(profiles, options.requests) else 0)


if __name__ == "__main__":
    main()
