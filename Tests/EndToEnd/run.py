#!/usr/bin/env python3
"""End-to-end tests: the real binary, loopback, free ports, Examples/ executed.

usage: run.py [--only PART_OF_A_TEST_NAME] [--keep]
"""
import argparse
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import TESTS, run

import test_readme  # noqa: F401  (each import registers its tests, in this order)
import test_command_line  # noqa: F401
import test_ingress  # noqa: F401
import test_limits  # noqa: F401
import test_http1  # noqa: F401
import test_tls  # noqa: F401
import test_tcp  # noqa: F401
import test_egress  # noqa: F401
import test_api  # noqa: F401
import test_kubectl  # noqa: F401
import test_envoy  # noqa: F401
import test_bookinfo  # noqa: F401
import test_seed  # noqa: F401
import test_traffic  # noqa: F401
import test_changes  # noqa: F401
import test_http2  # noqa: F401
import test_failures  # noqa: F401
from quickstart import Quickstart


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and state")
    parser.add_argument("--binary", default=os.path.join(harness.ROOT, ".build", "release", "gatehouse"))
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="gatehouse-e2e-")
    quickstart = Quickstart(folder, binary=options.binary, workers=2)
    passed = failed = skipped = 0
    try:
        quickstart.up()
        passed, failed, skipped = run(quickstart, TESTS, options.only)
    except Exception as error:
        failed += 1
        print(f"FAIL  the quickstart comes up: {error}")
        for name in os.listdir(quickstart.log_folder):
            print(f"--- {name}\n{quickstart.log(name[:-4])[-3000:]}")
    finally:
        quickstart.stop_all()
        if failed and not options.keep:
            for name in sorted(os.listdir(quickstart.log_folder)):
                lines = [l for l in quickstart.log(name[:-4]).splitlines() if not l.startswith("{")]
                print(f"--- {name}\n" + "\n".join(lines[-25:]))
        if options.keep:
            print(f"kept {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"end-to-end: {passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
