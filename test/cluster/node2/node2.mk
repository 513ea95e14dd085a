# A second node on the same machine; see test/cluster/README.md. `make test` does without it.
.PHONY: node-up node-down node-status
node-up: cluster-up ## add a second node of a present-day kind, or repair it (ENGINE=26.1|28.5|next|none)
	@ENGINE='$(ENGINE)' $(NODE) test/cluster/node2/node-up.ts
node-down: node_modules/.complete ## stop the second node and remove it with its data
	@$(NODE) test/cluster/node2/node-down.ts
node-status: node_modules/.complete ## look whether the second node runs, and whether its own kernel failed
	@$(NODE) test/cluster/node2/node-status.ts
# Their docker commands go to the second node's engine, and their runs to that node.
TEST_NODE := DOCKERRUN_TEST_NODE=node-2 DOCKER_HOST=tcp://10.247.0.2:2375
.PHONY: test-nodes test-one-node
test-nodes: install ## start the second node, test it, and note it in docs/compatibility.md (ENGINE=26.1|28.5|next)
	@ENGINE='$(ENGINE)' $(NODE) test/cluster/node2/node-up.ts
	@$(SOURCE_ENV) export ENGINE='$(ENGINE)' $(TEST_NODE); node test/run.ts nodes && node test/nodes/compatibility-row.ts
test-one-node: install ## run one round trip on the second node, which must be up
	@$(SOURCE_ENV) export $(TEST_NODE); node test/run.ts one-node
