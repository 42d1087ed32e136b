#!/usr/bin/env python3
"""CPU microseconds per proxied request: Gatehouse beside nginx, HAProxy, Envoy and nghttpx. See README.md.

  bench.py [--quick] [--rows keepalive,tls,…] [--proxies gatehouse,nginx,…] [--rounds N] [--seconds N] [--binary PATH]
  bench.py --syscalls …   counts system calls per request instead (perf); neighbours do not disturb it
"""
import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import idle
import loads
import peer_envoy
import peers
import processes
import proxies
import rows
import sidecar

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
MAKERS = {"gatehouse": proxies.gatehouse, "floor": proxies.floor, "nginx": peers.nginx, "haproxy": peers.haproxy,
          "envoy": peer_envoy.envoy, "nghttpx": proxies.nghttpx}
# The rows of a set share one set of running proxies. Memory is measured on fresh ones: what a load left behind would
# hide the growth.
SETS = {"idle": {}, "idle-tls": {}, "edge": {}, "pair": {"is_pair": True}, "logs": {"logs": True},
        "workers": {"workers": 2}}
UNPINNED_SETS = ("workers",)
PROXY_CORE, LOAD_CORE = "0", "1"


def prepare(run):
    os.makedirs(run, exist_ok=True)
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        sys.exit("bench: no C compiler for the upstream server and the loads")
    for name, libraries in (("upstream", []), ("upstream_h2", ["-lnghttp2"]), ("floor", []),
                            ("resume", ["-lssl", "-lcrypto", "-lpthread"])):
        subprocess.run([compiler, "-O2", "-o", f"{run}/{name}", f"{HERE}/load/{name}.c", *libraries], check=True)
    for kind, how in (("ecdsa", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]), ("rsa", ["rsa:2048"])):
        if not os.path.exists(f"{run}/{kind}-cert.pem"):
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", *how, "-nodes", "-days", "30", "-subj", "/CN=localhost",
                 "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", f"{run}/{kind}-key.pem", "-out",
                 f"{run}/{kind}-cert.pem"], check=True, capture_output=True)
    with open(f"{run}/message.grpc", "wb") as message:
        message.write(b"\0\0\0\0\x64" + b"m" * 100)


def measure(row, running, options, cores):
    """{proxy: {"us": […], "rate": […], "rss": […], "complaint": text}}, the proxies taking turns."""
    results = {proxy.name: {"us": [], "rate": [], "rss": [], "complaint": ""} for proxy in running}
    for proxy in running:
        loads.run(row.command(options.run_dir, proxy.ports[row.port], 1), cores)
    for turn in range(options.rounds):
        for proxy in running if turn % 2 == 0 else reversed(running):
            command = row.command(options.run_dir, proxy.ports[row.port], options.seconds)
            counter = processes.SyscallCounter(proxy.processes) if options.syscalls else None
            before = proxy.cpu_nanoseconds()
            outcome = loads.run(command, cores)
            result = results[proxy.name]
            time.sleep(0.02)
            counted = counter.total() if counter else (proxy.cpu_nanoseconds() - before) / 1000
            if outcome is None or not proxy.is_alive:
                result["complaint"] = "no answers"
                continue
            result["us"].append(counted / outcome.requests)
            result["rate"].append(outcome.rate)
            result["rss"].append(proxy.resident_kilobytes() / 1024)
            result["complaint"] = outcome.complaint or result["complaint"]
    return results


def verdict(row, medians):
    """Ours against the cheapest peer and, where the row says so, against the floor. (text, is it held?)"""
    if "gatehouse" not in medians:
        return "no numbers", False
    ours, parts, holds = medians["gatehouse"], [], True
    judged = {name: cost for name, cost in medians.items() if name not in ("gatehouse", "floor")}
    if judged:
        best = min(judged, key=judged.get)
        ratio = ours / judged[best]
        holds = ratio <= row.mark
        parts.append(f"{ratio:.2f}× {best} (≤ {row.mark})")
    if row.floor and "floor" in medians:
        ratio = ours / medians["floor"]
        holds = holds and ratio <= row.floor
        parts.append(f"{ratio:.2f}× floor (≤ {row.floor})")
    return (("holds: " if holds else "**missed**: ") + ", ".join(parts), holds) if parts else ("no peer", True)


def start_all(options, upstreams, name):
    """The running proxies of a set; says who is left out."""
    site = proxies.Site(options.run_dir, options.binary, *upstreams, **SETS[name])
    running, cores = [], f"{PROXY_CORE},{LOAD_CORE}" if name in UNPINNED_SETS else PROXY_CORE
    for one in options.proxies:
        proxy = MAKERS[one](site.for_one())
        complaint = proxy.start(cores, options.run_dir)
        if complaint:
            proxy.stop()
            if proxy.commands or one not in ("floor", "nghttpx"):
                print(f"bench: {one} {complaint}; its column stays empty")
        else:
            running.append(proxy)
    return running


def run_set(options, upstreams, name, notes):
    """Prints the table of a set; how many rows missed their marks."""
    names = [row for row in options.rows if row in rows.ROWS and rows.ROWS[row].set == name]
    resting = [row for row in options.rows if row == name and row in rows.IDLE]
    if not names and not resting:
        return 0
    running, lost = start_all(options, upstreams, name), 0
    try:
        if options.hold:
            hold(running)
        shown = [proxy.name for proxy in running]
        lost += idle.report(resting, running)
        if names:
            print("\n| | " + " | ".join(shown) + " | |\n|---|" + "---|" * (len(shown) + 1), flush=True)
        for row_name in names:
            row = rows.ROWS[row_name]
            cores = f"{PROXY_CORE},{LOAD_CORE}" if name in UNPINNED_SETS else LOAD_CORE
            results = measure(row, [proxy for proxy in running if row.port in proxy.ports], options, cores)
            medians = {one: statistics.median(result["us"]) for one, result in results.items() if result["us"]}
            cells = []
            for one in shown:
                if one in medians:
                    spread = results[one]["us"]
                    cells.append(f"{medians[one]:.1f} [{min(spread):.1f}–{max(spread):.1f}]")
                    notes.append((row_name, one, statistics.median(results[one]["rate"]), max(results[one]["rss"]),
                                  results[one]["complaint"]))
                else:
                    cells.append("–")
            text, holds = verdict(row, medians)
            lost += not holds
            print(f"| {row.title} | " + " | ".join(cells) + f" | {text} |", flush=True)
        return lost
    finally:
        for proxy in running:
            proxy.stop()


def hold(running):
    for proxy in running:
        print(f"bench: {proxy.name} pids {[process.pid for process in proxy.processes]}, ports {proxy.ports}")
    print("bench: holding; end with Ctrl-C", flush=True)
    while True:
        time.sleep(3600)


def run(options):
    folder, started, upstreams, lost, notes = options.run_dir, [], [], 0, []
    try:
        for name in ("upstream", "upstream_h2"):
            upstreams.append(processes.free_port())
            started.append(processes.start([f"{folder}/{name}", str(upstreams[-1])], LOAD_CORE, f"{folder}/{name}.log"))
            processes.wait_for_port(upstreams[-1], started[-1])
        what = "System calls" if options.syscalls else "CPU µs"
        print(f"\n{what} per request, median of {options.rounds} rounds of {options.seconds} s")
        for name in SETS:
            lost += run_set(options, upstreams, name, notes)
        if options.details:
            print("\n| row | proxy | requests/s | RSS MiB | errors |\n|---|---|---|---|---|")
            for row, name, rate, rss, complaint in notes:
                print(f"| {row} | {name} | {rate:.0f} | {rss:.1f} | {complaint} |")
        else:
            for row, name, _, _, complaint in notes:
                if complaint:
                    print(f"bench: {row}, {name}: {complaint}")
        if "sidecar" in options.rows:
            print("\n" + sidecar.idle(options.binary, options.run_dir))
        return 1 if lost else 0
    except KeyboardInterrupt:
        return 130
    finally:
        for process in started:
            processes.stop(process)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", help="names or sets, comma separated: " + ", ".join([*rows.EVERYTHING, *SETS]))
    parser.add_argument("--quick", action="store_true", help="a few rows, three rounds: about three minutes")
    parser.add_argument("--proxies", default="gatehouse,floor,nginx,haproxy,envoy,nghttpx")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--binary", default=f"{ROOT}/.build/release/gatehouse")
    parser.add_argument("--run-dir", default=f"{ROOT}/.bench")
    parser.add_argument("--syscalls", action="store_true", help="count system calls instead of time (perf, root)")
    parser.add_argument("--details", action="store_true", help="requests per second and memory as well")
    parser.add_argument("--hold", action="store_true", help="start the first set, print the ports and wait")
    options = parser.parse_args()
    asked = options.rows.split(",") if options.rows else rows.QUICK if options.quick else rows.EVERYTHING
    options.rows = [row for name in asked for row in (
        [row for row in rows.ROWS if rows.ROWS[row].set == name] or [name])]
    options.rounds = options.rounds or (3 if options.quick else 5)
    options.proxies = options.proxies.split(",")
    unknown = [name for name in options.rows if name not in rows.EVERYTHING]
    unknown += [name for name in options.proxies if name not in MAKERS]
    if unknown:
        sys.exit(f"bench: unknown: {', '.join(unknown)}")
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("bench: needs two CPU cores, one for the proxy and one for the load")
    for tool in ("wrk", "h2load", "taskset", "openssl"):
        if shutil.which(tool) is None:
            print(f"bench: `{tool}` is not installed (apt: wrk, nghttp2-client, util-linux, openssl)")
    prepare(options.run_dir)
    options.rows = [row for row in options.rows if row not in rows.ROWS
                    or shutil.which(rows.ROWS[row].command(options.run_dir, 0, 0)[0])]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended too
    sys.exit(run(options))


if __name__ == "__main__":
    main()
