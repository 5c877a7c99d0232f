# What can be done here. `make` alone lists it.

.DEFAULT_GOAL := help
.PHONY: help demo test check bench soak nightly

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Watch real commands go through RabbitMQ and come out as events (30 s, leaves nothing running)
	@deploy/demo.sh

test: ## Run all tests; installs what is missing on Debian 12 (RabbitMQ, PostgreSQL, pgbouncer, Prometheus for promtool, python3-venv, Node.js) when run as root
	@.ci/test

check: ## Format, lints, docs, the files of deploy/ and licences, as the gate asks
	@.ci/check

bench: ## Throughput, CPU, latency and memory, beside a bare loop that makes the same calls (10 minutes)
	cargo bench --bench speed --bench pace

SECONDS ?= 600
soak: ## Ten minutes of mixed load under faults by chance, and the long faults at full length (SECONDS=…, SEED=… to see one again)
	BINDERY_FAULTS_FULL=1 BINDERY_SOAK_SECONDS=$(SECONDS) BINDERY_SOAK_SEED=$(SEED) \
		cargo test --test story -- --nocapture faults::soak f13_ f15_ f23_ f25_ f33_

nightly: ## Fuzz-like tests of all parsers with a million inputs each (make test: 20 000)
	BINDERY_FUZZ_INPUTS=1000000 cargo test --release --lib fuzz
	BINDERY_BUSINESSES=20000 cargo test --release --lib properties::
