#!/usr/bin/env python3
"""Differential tests: random configurations and requests, given to a real Envoy and to our gateway, must agree.

usage: run.py [--seed N] [--configurations N] [--requests N] [--seconds N] [--only INDEX] [--features a,b] [--keep-going]
"""
import argparse
import asyncio
import os
import random
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import differences
import world
from generator import generate
from pair import ROOT, Pair, Refused, envoy_binary
from recorder import Recorder
from session import Session


async def run(options, envoy, folder):
    recorder = Recorder()
    endpoints = await world.start_endpoints(recorder)
    pair = Pair(folder, options.binary, envoy, None)
    started = time.monotonic()
    session = Session(pair, recorder, options)
    try:
        await asyncio.to_thread(pair.start)
        indices = [options.only] if options.only is not None else range(options.configurations)
        for index in indices:
            if options.seconds and time.monotonic() - started > options.seconds:
                break
            configuration = generate(options.seed, index, endpoints, options.features)
            await session.check(configuration, random.Random(f"{options.seed}:{index}:requests"))
            if session.failures and not options.keep_going:
                break
    except (RuntimeError, Refused) as error:
        session.fail(str(error))
    finally:
        pair.stop()
        recorder.close()
    return session


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--configurations", type=int, default=500)
    parser.add_argument("--requests", type=int, default=20, help="requests per configuration")
    parser.add_argument("--seconds", type=float, default=0, help="start no configuration after so many seconds")
    parser.add_argument("--only", type=int, help="the index of one configuration")
    parser.add_argument("--features", type=lambda text: set(text.split(",")), help="generate nothing else")
    parser.add_argument("--keep-going", action="store_true")
    parser.add_argument("--no-shrink", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs")
    parser.add_argument("--binary", default=os.path.join(ROOT, ".build", "release", "gatehouse"))
    options = parser.parse_args()
    envoy = envoy_binary()
    if envoy is None:
        print("differential: skipped, there is no Envoy (set ENVOY to its path, or run make differential)")
        print("differential: 0 passed, 0 failed, 1 skipped")
        return 0
    undocumented = {name for name, _ in differences.ENTRIES} - differences.documented()
    if undocumented:
        print(f"FAIL  not in docs/differences-from-envoy.md: {sorted(undocumented)}")
        return 1
    folder = tempfile.mkdtemp(prefix="gatehouse-differential-")
    started = time.monotonic()
    try:
        session = asyncio.run(run(options, envoy, folder))
    finally:
        if options.keep:
            print(f"kept {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(session.summary(time.monotonic() - started))
    return 1 if session.failures else 0


if __name__ == "__main__":
    sys.exit(main())
