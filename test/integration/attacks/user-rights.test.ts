import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { recordAt } from '../../../src/kube/json.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { render } from '../../fixtures/helm.ts';

/** What the chart's role for people who make runs allows, as a real API server decides it. */

type World = { plane: ControlPlane };
const test = suite<World>("users' rights");

const namespace = 'imaging';
const user = 'scientist';
const rbac = '/apis/rbac.authorization.k8s.io/v1';

test.before(async (world) => {
  world.plane = await startControlPlane();
  const { client } = world.plane;
  await client.create('/api/v1/namespaces', { metadata: { name: namespace } });
  const role = (await render()).find(({ kind, name }) => kind === 'ClusterRole' && name === 'dockerrun-user');
  assert.ok(role !== undefined, 'the chart has no role dockerrun-user');
  const { rules, metadata, apiVersion, kind } = role;
  await client.create(`${rbac}/clusterroles`, { apiVersion, kind, metadata, rules });
  await client.create(`${rbac}/namespaces/${namespace}/rolebindings`, {
    metadata: { name: 'run-makers' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'dockerrun-user' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
  });
});
test.after(({ plane }) => plane.close());

/** `resource` as `resource.group/subresource`. */
async function can({ plane }: World, verb: string, resource: string, where = namespace): Promise<boolean> {
  const [name = '', subresource] = resource.split('/');
  const [plural = '', ...group] = name.split('.');
  const resourceAttributes = {
    ...{ namespace: where, verb, resource: plural, group: group.join('.') },
    ...(subresource === undefined ? {} : { subresource }),
  };
  const review = await plane.client.create('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
    spec: { user, resourceAttributes },
  });
  return recordAt(review, 'status')['allowed'] === true;
}

const runs = 'dockerruns.dockerrun.dev';

test('a user with the role can make, watch and delete runs, and read their pods and logs', async (world) => {
  for (const verb of ['create', 'get', 'list', 'watch', 'patch', 'delete'])
    assert.ok(await can(world, verb, runs), verb);
  for (const resource of ['pods', 'pods/log', 'events', 'jobs.batch'])
    assert.ok(await can(world, 'get', resource), resource);
});

const rootOnTheNode = [
  ['create', 'pods'],
  ['create', 'pods/exec'],
  ['get', 'pods/exec'],
  ['create', 'pods/attach'],
  ['get', 'pods/attach'],
  ['create', 'pods/portforward'],
  ['get', 'pods/portforward'],
  ['get', 'pods/proxy'],
  ['update', 'pods/ephemeralcontainers'],
  ['patch', 'pods/ephemeralcontainers'],
  ['patch', 'pods'],
  ['create', 'jobs.batch'],
  ['patch', 'jobs.batch'],
  ['create', 'deployments.apps'],
  ['create', 'serviceaccounts/token'],
] as const;

for (const [verb, resource] of rootOnTheNode) {
  test(`a user with the role cannot ${verb} ${resource}, which is worth root on a node`, async (world) => {
    assert.not(await can(world, verb, resource));
  });
}

test('a user with the role can read no Secret, write no status and no policy, and reach no other namespace', async (world) => {
  assert.not(await can(world, 'get', 'secrets'));
  assert.not(await can(world, 'list', 'secrets'));
  assert.not(await can(world, 'patch', `${runs}/status`));
  assert.not(await can(world, 'update', `${runs}/status`));
  for (const verb of ['get', 'create', 'patch', 'delete'])
    assert.not(await can(world, verb, 'dockerrunpolicies.dockerrun.dev'), verb);
  for (const verb of ['create', 'get', 'list']) assert.not(await can(world, verb, runs, 'default'), verb);
});

test.run();
