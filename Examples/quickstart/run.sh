#!/usr/bin/env bash
# Starts the quickstart with its state under .quickstart (or $GATEHOUSE_QUICKSTART) of this checkout.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
exec python3 "$root/Examples/quickstart/quickstart.py" --folder "${GATEHOUSE_QUICKSTART:-$root/.quickstart}" "$@"
