#!/usr/bin/env bash
# Random-input tests with more rounds. FUZZ_ROUNDS multiplies the rounds of `make test`; FUZZ_SEED repeats a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
export FUZZ_ROUNDS=${FUZZ_ROUNDS:-200} SWIFT_BACKTRACE=enable=no
swift build --build-tests --explicit-target-dependency-import-check error
swift test --skip-build --filter 'random|never crash|mutation'
