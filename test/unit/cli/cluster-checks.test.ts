import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { installationOf, withNodes, withoutPolicy } from '../../../src/cli/doctor/cluster-checks.ts';

const image = { name: 'DOCKERRUN_IMAGE', value: 'dockerrun' };
const deploymentWith = (...env: readonly object[]) => ({
  spec: { template: { spec: { containers: [{ name: 'controller', env: [image, ...env] }] } } },
});
const required = { name: 'DOCKERRUN_POLICY_REQUIRED', value: 'true' };
const agent = { name: 'DOCKERRUN_NODE_AGENT_NAMESPACE', value: 'nodes' };

test('the environment of the controller says whether a policy is required, and whether there is a node agent', () => {
  assert.equal(installationOf(deploymentWith(required, agent)), {
    policyRequired: true,
    hasNodeAgent: true,
  });
  assert.equal(installationOf(deploymentWith({ ...required, value: 'false' })), {
    policyRequired: false,
    hasNodeAgent: false,
  });
});

test('of several variables with one name the last one counts, as in a pod', () => {
  const last = { ...required, value: 'false' };
  assert.is(installationOf(deploymentWith(required, last))?.policyRequired, false);
});

test('what the environment does not show is not known', () => {
  assert.is(installationOf({}), undefined);
  assert.is(installationOf(deploymentWith({ ...required, value: 'perhaps' })), undefined);
  const elsewhere = { name: required.name, valueFrom: { configMapKeyRef: { name: 'a', key: 'b' } } };
  assert.is(installationOf(deploymentWith(elsewhere)), undefined);
});

const none = { ready: 0, unready: 0, all: 3 };

test('without a policy no run starts, unless none is required', () => {
  const states = [{ policyRequired: true }, { policyRequired: false }, undefined].map((found) =>
    withoutPolicy(found && { hasNodeAgent: true, ...found }),
  );
  assert.equal(
    states.map(({ state }) => state),
    ['failed', 'ok', 'warning'],
  );
  assert.match(states[2]?.message ?? '', 'unless the operator was installed with policyRequired: false');
});

test('nodes without a label get no runs, unless there is no node agent', () => {
  const states = [{ hasNodeAgent: true }, { hasNodeAgent: false }, undefined].map((found) =>
    withNodes(none, found && { policyRequired: true, ...found }),
  );
  assert.equal(
    states.map(({ state }) => state),
    ['failed', 'skipped', 'warning'],
  );
  assert.match(states[2]?.message ?? '', 'unless the operator was installed with nodeAgent.enabled: false');
});

test('labels of nodes count for a user who may not see how the operator was installed', () => {
  assert.is(withNodes({ ...none, ready: 3 }, undefined).state, 'ok');
  assert.is(withNodes({ ...none, unready: 3 }, undefined).state, 'failed');
});

test.run();
