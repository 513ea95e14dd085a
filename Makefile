# `make` lists the verbs. Every one brings what it needs: packages by their lock, and the pinned Node among them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

ARCH := $(if $(filter aarch64,$(shell uname -m)),arm64,x64)
# The pinned Node comes with the packages; the machine's own only has to run npm.
export PATH := $(CURDIR)/node_modules/node-linux-$(ARCH)/bin:$(CURDIR)/node_modules/.bin:$(PATH)
SOURCE_ENV := set -a; . .cluster/env; set +a;

.PHONY: help
help: ## list the verbs
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/\1\t\2/' | column -t -s "$$(printf '\t')"

node_modules/.complete: package-lock.json
	@command -v npm > /dev/null || { echo "make needs npm, to bring the pinned packages: apt-get install npm"; exit 1; }
	@echo "installing the pinned packages (and Node) from the lock"
	@npm ci --ignore-scripts --loglevel=error
	@touch $@

.PHONY: demo
demo: install ## bring everything up and run a real analysis of a real image, from manifest to result
	@$(SOURCE_ENV) node examples/demo/demo.ts

.PHONY: test
test: install ## set everything up and run every test
	@$(SOURCE_ENV) node test/run.ts unit integration e2e

.PHONY: test-unit
test-unit: node_modules/.complete ## run the tests of pure functions, in seconds
	@node test/run.ts unit

.PHONY: test-integration
test-integration: install ## run the tests against the real API server, Docker Engine and Girder
	@$(SOURCE_ENV) node test/run.ts integration

.PHONY: test-e2e
test-e2e: install ## run the tests on the whole cluster
	@$(SOURCE_ENV) node test/run.ts e2e

.PHONY: check
check: node_modules/.complete ## check types, lint, format and generated files
	@tsc
	@eslint .
	@prettier --check --log-level=warn .
	@node scripts/generate.ts --check

.PHONY: generate
generate: node_modules/.complete ## write the generated files and format everything
	@node scripts/generate.ts
	@prettier --write --log-level=warn .

.PHONY: bundle
bundle: node_modules/.complete ## bundle the program into dist/
	@node scripts/bundle.ts

include test/cluster/cluster.mk
cluster-up cluster-down cluster-status cluster-power-cut: node_modules/.complete

.PHONY: image
image: bundle ## build the operator's image (BASE=, IMAGE=) with the local Docker
	@docker build --tag $(or $(IMAGE),dockerrun:0.1.0) $(if $(BASE),--build-arg BASE=$(BASE)) --build-arg NODE_PACKAGE=node-linux-$(ARCH) .

.PHONY: install
install: cluster-up bundle ## build the image and install the operator into the local cluster
	@node test/cluster/operator/install.ts

.PHONY: clean
clean: ## remove what the build made; the cluster and its caches stay
	@rm -rf dist .demo
