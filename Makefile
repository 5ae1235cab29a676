# The work is done in scripts/; this names it. `make help` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help run run-cluster build test bench eviction fuzz soak players hardening ktls check-format format docs clean

help: ## lists the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 24

run: ## builds, makes a demo stream, starts the daemon, prints a signed URL (PORT=7889)
	@scripts/run.sh

run-cluster: ## the same with three daemons, Redis, Sentinels and HAProxy on this machine (LB=nginx, PORT=7890)
	@scripts/run-cluster.sh

build: ## builds the daemon in release mode: build/hlsgate
	@scripts/packages.sh build
	@scripts/build.sh build --buildtype=release -- hlsgate

test: ## builds what it needs and runs every test
	@scripts/test.sh

bench: build ## measures against nginx, HAProxy and Varnish and writes bench/RESULTS.md
	@scripts/packages.sh bench
	@bench/run.sh

eviction: build ## hit ratios of eviction policies, written into bench/EVICTION.md
	@bench/eviction.sh

fuzz: ## runs every fuzzer (FUZZ_SECONDS=600 each, FUZZ=name for some)
	@scripts/fuzz.sh

soak: ## many viewers for a long time under the sanitizers (SOAK_SECONDS=600)
	@scripts/soak.sh

players: ## ffmpeg, mpv, VLC and GStreamer play the demo over TLS
	@scripts/players.sh

hardening: ## testssl.sh grades the TLS, slowhttptest tries to make it unavailable
	@scripts/hardening.sh

ktls: ## proves kernel TLS, and its absence, in a virtual machine (KTLS_SECONDS=900 for each)
	@scripts/ktls.sh

check-format: ## fails when clang-format would change a file
	@scripts/format.sh

format: ## formats the C files
	@scripts/format.sh --fix

docs: build ## writes docs/configuration.md from the field tables
	@build/hlsgate reference >docs/configuration.md

clean: ## removes the build folders
	@rm -rf build build-asan build-tsan build-fuzz
