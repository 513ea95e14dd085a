# `make` lists the targets. Each one installs what it needs: the packages of the lock file, including the pinned Node.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

ARCH := $(if $(filter aarch64,$(shell uname -m)),arm64,x64)
# The pinned Node comes with the packages; the machine's own Node only runs npm.
export PATH := $(CURDIR)/node_modules/node-linux-$(ARCH)/bin:$(CURDIR)/node_modules/.bin:$(PATH)
SOURCE_ENV := set -a; . .cluster/env; set +a;

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/\1\t\2/' | column -t -s "$$(printf '\t')"

node_modules/.complete: package-lock.json
	@command -v npm > /dev/null || { echo "make needs npm to install the pinned packages: run apt-get install npm"; exit 1; }
	@echo "installing the pinned packages (and Node) from the lock file"
	@npm ci --ignore-scripts --loglevel=error
	@touch $@

.PHONY: demo
demo: install ## start the cluster and run a real analysis of a real image, from manifest to result
	@$(SOURCE_ENV) node examples/demo/demo.ts

.PHONY: test
test: install ## start the cluster and run every test
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
	@tsc -p src/ui/page
	@eslint .
	@prettier --check --log-level=warn .
	@node scripts/generate.ts --check

.PHONY: generate
generate: node_modules/.complete ## write the generated files and format everything
	@node scripts/generate.ts
	@prettier --write --log-level=warn .
	@if [ -f .cluster/env ]; then $(MAKE) --no-print-directory manifests; else echo 'deploy/install.yaml may be out of date: run make cluster-up manifests'; fi

.PHONY: bundle
bundle: node_modules/.complete ## bundle the program into dist/, with its bill of materials and licences
	@node scripts/bundle.ts

.PHONY: sbom
sbom: bundle ## write the bill of materials (SPDX 2.3) of the program: dist/sbom.spdx.json
	@echo dist/sbom.spdx.json

.PHONY: docs
docs: node_modules/.complete ## write the documentation as plain files into site/
	@node scripts/site.ts

.PHONY: manifests
manifests: node_modules/.complete ## render deploy/install.yaml from the chart, with the Helm of PATH or of the cluster
	@if [ -f .cluster/env ]; then $(SOURCE_ENV) fi; node scripts/render-manifests.ts

include test/cluster/cluster.mk
include test/cluster/node2/node2.mk
cluster-up cluster-down cluster-status cluster-power-cut: node_modules/.complete

.PHONY: image
image: bundle ## build the operator's image with the local Docker (IMAGE=, BASE=, SOURCE=, PLATFORM=amd64|arm64)
	@IMAGE='$(IMAGE)' BASE='$(BASE)' SOURCE='$(SOURCE)' PLATFORM='$(PLATFORM)' node scripts/image.ts

.PHONY: engine-image
engine-image: ## build the image of a Docker Engine for nodes without one (IMAGE=, BASE=)
	@docker build --tag '$(or $(IMAGE),dockerrun-engine)' $(if $(BASE),--build-arg 'BASE=$(BASE)') deploy/engine

.PHONY: release
release: node_modules/.complete ## make what a release publishes in release/ (VERSION=Unreleased for a trial, SOURCE=, WITHOUT_IMAGE=1)
	@VERSION='$(VERSION)' SOURCE='$(SOURCE)' WITHOUT_IMAGE='$(WITHOUT_IMAGE)' node scripts/release/release.ts

.PHONY: base-packages
base-packages: node_modules/.complete ## lock the Debian packages under the image of a release: scripts/release/base-packages.json
	@node scripts/release/base-lock.ts

.PHONY: install
install: cluster-up bundle ## build the image and install the operator into the local cluster
	@node test/cluster/operator/install.ts

.PHONY: clean
clean: ## remove build output; the cluster and its caches stay
	@rm -rf dist site .demo .image release
