# A second node on the same machine; see test/cluster/README.md. `make test` does without it.
.PHONY: node-up node-down
node-up: cluster-up ## add a second node of a present-day kind, or repair it (ENGINE=26.1|28.5|none)
	@ENGINE='$(ENGINE)' $(NODE) test/cluster/node2/node-up.ts
node-down: node_modules/.complete ## stop the second node and remove it with its data
	@$(NODE) test/cluster/node2/node-down.ts
