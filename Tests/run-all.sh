#!/usr/bin/env bash
# Every test, in the order that fails fastest; prints the totals as its last line and fails when any test failed.
set -uo pipefail
cd "$(dirname "$0")/.."
passed=0 failed=0 skipped=0

# $1: title, the rest: a command whose success is one check.
check() {
    local title=$1
    shift
    echo "== $title"
    if "$@"; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAILED: $title"
    fi
}

checks=(--explicit-target-dependency-import-check error)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

format_sources() {
    git ls-files -z -- 'Package.swift' 'Sources/*.swift' 'Tests/*.swift' | grep -zv /Generated/ |
        xargs -0 swift format lint --strict --parallel
}

check "format" format_sources
check "debug build, warnings are errors" swift build --build-tests "${checks[@]}"

echo "== unit tests"
if swift test --skip-build --parallel >"$log" 2>&1; then :; else
    failed=$((failed + 1))
    grep -E "recorded an issue|error:|failed after|Fatal" "$log" | head -n 60
fi
summary=$(grep -oE "Test run with [0-9]+ tests.*" "$log" | tail -n 1)
echo "${summary:-no summary from the test runner}"
count=$(sed -nE 's/.*Test run with ([0-9]+) tests?.*/\1/p' <<<"$summary")
if [ -z "$count" ] || [ "$count" -eq 0 ]; then
    failed=$((failed + 1))
    tail -n 40 "$log"
else
    passed=$((passed + count))
fi

check "release build" swift build -c release --product gatehouse "${checks[@]}"

echo "== end to end"
python3 Tests/EndToEnd/run.py | tee "$log"
if [ "${PIPESTATUS[0]}" -ne 0 ]; then
    grep -qE "^end-to-end: [0-9]+ passed" "$log" || failed=$((failed + 1))
fi
read -r p f s < <(sed -nE 's/^end-to-end: ([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' "$log" | tail -n 1)
passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0})) skipped=$((skipped + ${s:-0}))

echo "== differential, 60 s"
python3 Tests/Differential/run.py --seconds 60 | tee "$log"
if [ "${PIPESTATUS[0]}" -ne 0 ]; then
    grep -qE "^differential: [0-9]+ passed" "$log" || failed=$((failed + 1))
fi
read -r p f s < <(sed -nE 's/^differential: ([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' "$log" | tail -n 1)
passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0})) skipped=$((skipped + ${s:-0}))

echo "== instructions per request"
python3 Benchmarks/instructions.py
case $? in
0) passed=$((passed + 1)) ;;
77) skipped=$((skipped + 1)) ;;
*) failed=$((failed + 1)) ;;
esac

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
