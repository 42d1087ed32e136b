#!/usr/bin/env python3
"""CPU microseconds per proxied request: Gatehouse beside nginx, HAProxy and Envoy. See README.md.

  bench.py [--rows keepalive,tls,…] [--proxies gatehouse,nginx,…] [--rounds N] [--seconds N] [--binary PATH]
"""
import argparse
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import processes
import proxies
import sidecar

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
PROXY_CORE, LOAD_CORE = 0, 1


def wrk(connections, path, scheme, *more):
    return lambda port, seconds: ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", *more,
                                  f"{scheme}://127.0.0.1:{port}{path}"]


def h2load(connections, streams, path):
    return lambda port, seconds: ["h2load", "-t1", f"-c{connections}", f"-m{streams}", f"-D{seconds}",
                                  f"https://127.0.0.1:{port}{path}"]


BROWSER = [item for header in (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Encoding: gzip, deflate, br", "Accept-Language: en-US,en;q=0.5",
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=all; visits=17; campaign=autumn",
    "Referer: https://www.example.com/some/page/with/a/longish/path?and=query", "Sec-Fetch-Mode: navigate",
    "Authorization: Bearer abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz",
) for item in ("-H", header)]

# name: (what it is, needs TLS, load generator)
ROWS = {
    "keepalive": ("HTTP/1.1 keep-alive, 1 KiB", False, wrk(64, "/1k", "http")),
    "browser": ("HTTP/1.1 keep-alive, 1 KiB, browser headers", False, wrk(64, "/1k", "http", *BROWSER)),
    "tls": ("TLS keep-alive, 1 KiB", True, wrk(64, "/1k", "https")),
    "handshake": ("new TLS connection per request", True, wrk(32, "/1k", "https", "-H", "Connection: close")),
    "h2": ("HTTP/2 over TLS (8 connections, 32 streams), 1 KiB", True, h2load(8, 32, "/1k")),
    "large": ("HTTP/1.1 keep-alive, 1 MiB", False, wrk(16, "/1m", "http")),
    "large-tls": ("TLS keep-alive, 1 MiB", True, wrk(16, "/1m", "https")),
}


def prepare(run):
    os.makedirs(run, exist_ok=True)
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        sys.exit("bench: no C compiler for the upstream server")
    subprocess.run([compiler, "-O2", "-o", f"{run}/upstream", f"{HERE}/upstream.c"], check=True)
    if not os.path.exists(f"{run}/both.pem"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
             "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
             f"{run}/key.pem", "-out", f"{run}/cert.pem"], check=True, capture_output=True)
        with open(f"{run}/both.pem", "w") as both:
            for name in ("cert.pem", "key.pem"):
                with open(f"{run}/{name}") as part:
                    both.write(part.read())


def load(command):
    """Runs a load generator; (requests, requests per second, complaint) or None."""
    output = subprocess.run(["taskset", "-c", str(LOAD_CORE)] + command, capture_output=True, text=True,
                            preexec_fn=processes.privileged).stdout
    if command[0] == "wrk":
        done = re.search(r"(\d+) requests in", output)
        rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
        errors = re.search(r"Socket errors: (.*)", output)
        complaint = (f"{bad[1]} bad answers " if bad else "") + (errors[1] if errors else "")
    else:
        done = re.search(r"(\d+) succeeded", output)
        rate = re.search(r"([\d.]+) req/s", output)
        bad = re.search(r"(\d+) failed", output)
        complaint = f"{bad[1]} failed" if bad and bad[1] != "0" else ""
    if not done or not rate or done[1] == "0":
        return None
    return int(done[1]), float(rate[1]), complaint


def measure(row, running, rounds, seconds):
    """{proxy: {"us": […], "rate": […], "rss": […], "complaint": text}}, the proxies taking turns."""
    _, is_tls, command = ROWS[row]
    results = {proxy.name: {"us": [], "rate": [], "rss": [], "complaint": ""} for proxy, _ in running}
    for proxy, _ in running:
        load(command(proxy.tls if is_tls else proxy.plain, 1))
    for turn in range(rounds):
        for proxy, process in running if turn % 2 == 0 else reversed(running):
            before = processes.cpu_nanoseconds(process.pid)
            outcome = load(command(proxy.tls if is_tls else proxy.plain, seconds))
            result = results[proxy.name]
            if outcome is None or process.poll() is not None:
                result["complaint"] = "no answers"
                continue
            time.sleep(0.02)
            requests, rate, complaint = outcome
            result["us"].append((processes.cpu_nanoseconds(process.pid) - before) / 1000 / requests)
            result["rate"].append(rate)
            result["rss"].append(processes.resident_kilobytes(process.pid) / 1024)
            result["complaint"] = complaint or result["complaint"]
    return results


def verdict(medians):
    """Ours against nginx and HAProxy, which every row must hold; Envoy is shown for orientation."""
    if "gatehouse" not in medians:
        return "no numbers"
    judged = [name for name in ("nginx", "haproxy") if name in medians]
    if not judged:
        return "no peer"
    lost = [name for name in judged if medians["gatehouse"] > medians[name]]
    return "more than " + " and ".join(lost) if lost else "holds"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--proxies", default="gatehouse,nginx,haproxy,envoy")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--binary", default=f"{ROOT}/.build/release/gatehouse")
    parser.add_argument("--run-dir", default=f"{ROOT}/.bench")
    parser.add_argument("--hold", action="store_true", help="start everything, print the ports and wait")
    options = parser.parse_args()
    rows = options.rows.split(",")
    unknown = [row for row in rows if row not in ROWS]
    if unknown:
        sys.exit(f"bench: no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("bench: needs two CPU cores, one for the proxy and one for the load")
    for tool in ("wrk", "h2load", "taskset", "openssl"):
        if shutil.which(tool) is None:
            print(f"bench: `{tool}` is not installed (apt: wrk, nghttp2-client, util-linux, openssl)")
    rows = [row for row in rows if shutil.which(ROWS[row][2](0, 0)[0])]
    prepare(options.run_dir)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended too
    sys.exit(run(options, rows))


def run(options, rows):
    folder = options.run_dir
    upstream_port = processes.free_port()
    upstream = processes.start([f"{folder}/upstream", str(upstream_port)], LOAD_CORE, f"{folder}/upstream.log")
    started = [upstream]
    running = []
    try:
        processes.wait_for_port(upstream_port, upstream)
        makers = {"gatehouse": lambda *p: proxies.gatehouse(folder, options.binary, *p),
                  "nginx": lambda *p: proxies.nginx(folder, *p), "haproxy": lambda *p: proxies.haproxy(folder, *p),
                  "envoy": lambda *p: proxies.envoy(folder, *p)}
        for name in options.proxies.split(","):
            proxy = makers[name](processes.free_port(), processes.free_port(), upstream_port)
            if not proxy.command:
                print(f"bench: {name} is not installed; its column stays empty")
                continue
            process = processes.start(proxy.command, PROXY_CORE, f"{folder}/{name}.log")
            started.append(process)
            if all(processes.wait_for_port(port, process) for port in (proxy.plain, proxy.tls)):
                running.append((proxy, process))
                print(f"bench: {name} pid {process.pid}, ports {proxy.plain} and {proxy.tls} (TLS)")
            else:
                print(f"bench: {name} did not open its ports; see {folder}/{name}.log")
        if options.hold:
            print("bench: holding; end with Ctrl-C")
            while True:
                time.sleep(3600)
        return report(options, rows, running)
    except KeyboardInterrupt:
        return 130
    finally:
        for process in started:
            processes.stop(process)


def report(options, rows, running):
    names = [proxy.name for proxy, _ in running]
    print(f"\nCPU µs per request, median of {options.rounds} rounds of {options.seconds} s, one worker on one core\n")
    print("| | " + " | ".join(names) + " | verdict |\n|---|" + "---|" * (len(names) + 1))
    lost = 0
    notes = []
    for row in rows:
        results = measure(row, running, options.rounds, options.seconds)
        medians = {name: statistics.median(result["us"]) for name, result in results.items() if result["us"]}
        cells = []
        for name in names:
            if name not in medians:
                cells.append("–")
                continue
            spread = results[name]["us"]
            cells.append(f"{medians[name]:.1f} [{min(spread):.1f}–{max(spread):.1f}]")
            notes.append((row, name, statistics.median(results[name]["rate"]), max(results[name]["rss"]),
                          results[name]["complaint"]))
        judged = verdict(medians)
        lost += judged != "holds"
        print(f"| {ROWS[row][0]} | " + " | ".join(cells) + f" | {judged} |", flush=True)
    print("\n| row | proxy | requests/s | RSS MiB | errors |\n|---|---|---|---|---|")
    for row, name, rate, rss, complaint in notes:
        print(f"| {row} | {name} | {rate:.0f} | {rss:.1f} | {complaint} |")
    print("\n" + sidecar.idle(options.binary, options.run_dir))
    return 1 if lost else 0


if __name__ == "__main__":
    main()
