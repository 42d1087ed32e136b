#!/usr/bin/env bash
# A bounded campaign: every target of Sources/FuzzTargets under libFuzzer and AddressSanitizer, one after the other.
#
# FUZZ_SECONDS (600): seconds per target, on one core. FUZZ_TARGETS: only these. FUZZ_SCRATCH (.build-fuzz): build products.
# New inputs are kept in FUZZ_SCRATCH/corpus, findings in Fuzz/crashes/TARGET, where `make test` replays them.
set -uo pipefail
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-600}
scratch=${FUZZ_SCRATCH:-.build-fuzz}
export SWIFT_BACKTRACE=enable=no GATEHOUSE_FUZZ=1

# Leaks are looked for once, after the campaign: a check after each input would cost most of the time.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0:allocator_may_return_null=1}
if [ -z "${FUZZ_SKIP_BUILD:-}" ]; then
    log=$(mktemp)
    if ! swift build -c release --product gatehouse-fuzz --scratch-path "$scratch" \
        -Xswiftc -sanitize=fuzzer,address >"$log" 2>&1; then
        grep -v "Cannot export local symbol" "$log"
        rm -f "$log"
        exit 1
    fi
    rm -f "$log"
fi
fuzzer=$scratch/release/gatehouse-fuzz
[ -x "$fuzzer" ] || exit 1
targets=${FUZZ_TARGETS:-$("$fuzzer" 2>&1 | sed -n 's/^targets: //p')}
mkdir -p "$scratch/shared" "$scratch/logs"
python3 Fuzz/seeds.py shared "$scratch/shared" || true

failed=0
printf '%-18s %12s %8s %8s %8s %8s\n' target executions edges inputs seconds findings
for target in $targets; do
    mkdir -p "$scratch/corpus/$target" "$scratch/shared/$target" "$scratch/artifacts/$target" "Fuzz/corpus/$target"
    log=$scratch/logs/$target.log
    : >"$log"
    end=$((SECONDS + seconds)) runs=0 findings=0
    # A finding ends the fuzzer; it goes on with what is left of the time, at most ten times.
    while [ $SECONDS -lt $end ] && [ $findings -lt 10 ]; do
        "$fuzzer" "$target" -max_total_time=$((end - SECONDS)) -timeout=5 -rss_limit_mb=2048 -print_final_stats=1 \
            -artifact_prefix="$scratch/artifacts/$target/" \
            "$scratch/corpus/$target" "Fuzz/corpus/$target" "$scratch/shared/$target" >"$log.part" 2>&1
        status=$?
        cat "$log.part" >>"$log"
        part=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log.part" | tail -n 1)
        runs=$((runs + ${part:-0}))
        [ $status -eq 0 ] && break
        findings=$((findings + 1))
    done
    edges=$(grep -oE 'cov: [0-9]+' "$log" | tail -n 1 | cut -c6-)
    for file in "$scratch/artifacts/$target"/*; do
        [ -f "$file" ] || continue
        mkdir -p "Fuzz/crashes/$target"
        cp "$file" "Fuzz/crashes/$target/"
        failed=1
    done
    printf '%-18s %12s %8s %8s %8s %8s\n' "$target" "$runs" "${edges:-0}" \
        "$(find "$scratch/corpus/$target" -type f | wc -l)" "$seconds" "$findings"
done
exit $failed
