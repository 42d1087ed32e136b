#!/usr/bin/env python3
"""Mixed load for a while, and what it leaves behind: memory that grows and descriptors that stay open.

usage: soak.py [--seconds 1200] [--binary PATH]

Load on the ingress gateway of the quickstart, sidecars included: keep-alive and fresh HTTP/1.1 connections (wrk when it
is there), HTTP/2 over TLS with many streams (h2load), unknown SNI, broken requests, and a route changed every second.
The first fifth is warm-up. Fails when a request of the steady clients fails, when any process grows by more than the
scorecard's slope would allow (RELIABILITY: 1 MB an hour; here with a floor of 8 MB for what caches need), or when
descriptors go on growing after the warm-up.
"""
import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import Load
from quickstart import Quickstart
from test_changes import weights


def processes(q):
    """Every process of the appliance and its sidecars: name -> pid."""
    found = {}
    for root in list(q.processes.values()):
        pids = [root.pid]
        while pids:
            pid = pids.pop()
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    words = file.read().decode(errors="replace").split("\0")
                with open(f"/proc/{pid}/task/{pid}/children") as file:
                    pids += [int(child) for child in file.read().split()]
            except OSError:
                continue
            if "gatehouse" in words[0]:
                name = words[1] + (" " + words[words.index("--name") + 1] if "--name" in words else "")
                found[f"{name} {pid}"] = pid
    return found


def facts(pid):
    with open(f"/proc/{pid}/status") as file:
        rss = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
    return rss, len(os.listdir(f"/proc/{pid}/fd"))


def attempt(command):
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def heavy(q, stopping):
    """Bursts of other tools and of nonsense, one after the other."""
    http, https = q.ports["http"], q.ports["https"]
    turns = 0
    while not stopping.is_set():
        turns += 1
        if shutil.which("wrk"):
            attempt(["wrk", "-t1", "-c32", "-d3", "-H", "Host: shop.example.com", f"http://127.0.0.1:{http}/"])
        if shutil.which("h2load"):
            attempt(["h2load", "-n2000", "-c8", "-m20", "--connect-to", f"127.0.0.1:{https}",
                     f"https://shop.example.com:{https}/"])
        attempt(["curl", "-sk", "--max-time", "2", "--resolve", f"nobody.test:{https}:127.0.0.1",
                 f"https://nobody.test:{https}/"])
        for _ in range(20):
            try:
                with socket.create_connection(("127.0.0.1", http), timeout=2) as peer:
                    peer.sendall(b"GET / HTTP/1.1\r\nHost: shop.example.com\r\nX: \x00\r\n\r\n")
                    peer.recv(1024)
            except OSError:
                pass
    return turns


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=1200)
    parser.add_argument("--binary", default=os.path.join(harness.ROOT, ".build", "release", "gatehouse"))
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="gatehouse-soak-")
    q = Quickstart(folder, binary=options.binary, workers=2)
    stopping = threading.Event()
    failed = []
    try:
        q.up()
        started = processes(q)
        worker = threading.Thread(target=heavy, args=(q, stopping), daemon=True)
        samples = {name: [] for name in started}
        with Load(q.ports["http"], "shop.example.com", clients=4, pause=0.002) as load:
            worker.start()
            begin = time.monotonic()
            while time.monotonic() - begin < options.seconds:
                weights(q, *((60, 40) if int(time.monotonic()) % 2 else (75, 25)))
                for name, pid in started.items():
                    try:
                        samples[name].append((time.monotonic() - begin, *facts(pid)))
                    except (OSError, StopIteration):
                        failed.append(f"{name} is gone")
                        samples[name].append((time.monotonic() - begin, 0, 0))
                if failed:
                    break
                time.sleep(1)
            stopping.set()
        worker.join(60)
        if load.failures:
            failed.append(f"{len(load.failures)} of {load.ok} requests failed, the first: {load.failures[0]}")
        time.sleep(3)
        print(f"{load.ok} steady requests")
        for name, rows in samples.items():
            steady = [row for row in rows if row[0] >= options.seconds / 5] or rows
            hours = max(steady[-1][0] - steady[0][0], 1) / 3600
            third = max(len(steady) // 3, 1)
            early = sum(row[1] for row in steady[:third]) / third
            late = sum(row[1] for row in steady[-third:]) / third
            # Means of the first and the last third lie two thirds of the time apart.
            slope = (late - early) / 1024 / (hours * 2 / 3)
            now = facts(started[name])[1] if os.path.exists(f"/proc/{started[name]}") else -1
            print(f"{name:32} rss {rows[0][1] // 1024:4} -> {rows[-1][1] // 1024:4} MB, {slope:+7.1f} MB/h, "
                  f"descriptors {rows[0][2]} -> {now}")
            if (late - early) / 1024 > max(8, hours):
                failed.append(f"{name} grew by {(late - early) / 1024:.1f} MB")
            # Idle connections to upstreams are kept for an hour: the warm-up shows how many the load needs.
            warm = max(row[2] for row in rows if row[0] < options.seconds * 2 / 5)
            if now > warm + 64:
                failed.append(f"{name} holds {now} descriptors, {warm} when warm")
    finally:
        stopping.set()
        q.stop_all()
        shutil.rmtree(folder, ignore_errors=True)
    for line in failed:
        print(f"FAIL  {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
