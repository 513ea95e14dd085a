# The real environment on one Debian machine; see test/cluster/README.md.
NODE ?= node

.PHONY: cluster-up cluster-down cluster-status cluster-power-cut
cluster-up: ## start etcd, Kubernetes, Docker Engine and Girder on this machine, or repair what is unhealthy
	@$(NODE) test/cluster/up.ts
cluster-down: ## stop them, remove their data, and check that nothing is left but the caches
	@$(NODE) test/cluster/down.ts
cluster-status: ## show each part's process and health
	@$(NODE) test/cluster/status.ts
cluster-power-cut: ## SIGKILL every process of the cluster at once, to try the recovery
	@$(NODE) test/cluster/power-cut.ts
