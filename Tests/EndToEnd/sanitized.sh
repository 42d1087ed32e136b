#!/usr/bin/env bash
# usage: sanitized.sh BINARY
# The end-to-end suite with a binary built for a sanitizer. Fails when any process of it wrote a report; tests that miss
# a time bar, because everything is slow here, are shown and do not count.
set -uo pipefail
cd "$(dirname "$0")/../.."
reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT
export SWIFT_BACKTRACE=enable=no
export ASAN_OPTIONS=detect_leaks=0:log_path=$reports/address
export TSAN_OPTIONS=log_path=$reports/thread:suppressions=$PWD/Tests/tsan.supp
python3 Tests/EndToEnd/run.py --binary "$1"
found=0
for report in "$reports"/*; do
    [ -s "$report" ] || continue
    found=$((found + 1))
    head -n 60 "$report"
done
echo "sanitizer reports: $found"
[ "$found" -eq 0 ]
