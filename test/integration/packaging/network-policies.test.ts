import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { progressPort } from '../../../src/api/names.ts';
import { isRecord } from '../../../src/api/json-values.ts';
import { desiredCleanupJob } from '../../../src/controller/job/cleanup-job.ts';
import { desiredJob } from '../../../src/controller/job/job.ts';
import { desiredPlannerJob } from '../../../src/controller/set/decide/planner-job.ts';
import { listAt, recordAt, textAt } from '../../../src/kube/json.ts';
import { paths } from '../../../src/kube/paths.ts';
import { aSpec, metadata, workerConfig } from '../../fixtures/builders.ts';
import { aSet } from '../../fixtures/builders-set.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { type Manifest, render } from '../../fixtures/helm.ts';
import {
  bodyOf,
  denial,
  documentedPolicies,
  portsOf,
  selectorText,
} from '../../fixtures/network-policies.ts';

/** The NetworkPolicies of the chart and of docs/namespaces.md select the pods that there are, and name their ports. */

type World = { plane: ControlPlane; pods: Record<string, Record<string, unknown>>; shipped: Manifest[] };
const test = suite<World>('NetworkPolicies');
const namespace = 'imaging';

test.before(async (world) => {
  world.plane = await startControlPlane();
  world.shipped = await render(`networkPolicy={"workerNamespaces":["${namespace}"]}`);
  const { client } = world.plane;
  for (const name of [namespace, 'dockerrun-system', 'dockerrun-system-nodes'])
    await client.create(paths.namespace(''), { metadata: { name } });
  const run = { metadata, spec: aSpec() };
  const ending = { kind: 'failed', message: 'lost' } as const;
  const planning = { worker: workerConfig, policy: {}, status: {} };
  const templateOf = (kind: string) => recordAt(recordAt(only(world.shipped, kind), 'spec'), 'template');
  world.pods = {
    controller: templateOf('Deployment'),
    agent: templateOf('DaemonSet'),
    worker: { ...desiredJob(run, workerConfig, {}).spec?.template },
    planner: { ...desiredPlannerJob(aSet(), 1, planning).spec?.template },
    cleanup: { ...desiredCleanupJob(run, { node: undefined, ending }, workerConfig, {}).spec?.template },
  };
});
test.after(({ plane }) => plane[Symbol.asyncDispose]());

function only(manifests: readonly Manifest[], kind: string, name?: string): Manifest {
  const [found, ...others] = manifests.filter((one) => one.kind === kind && (name ?? one.name) === one.name);
  assert.ok(found !== undefined && others.length === 0, `one ${kind} ${name ?? ''}`);
  return found;
}

/** The named pods whose labels the API server finds with the selector of a policy. */
async function selected({ plane, pods }: World, selector: Record<string, unknown>): Promise<string[]> {
  const { client } = plane;
  const found: string[] = [];
  for (const [name, template] of Object.entries(pods)) {
    const body = { metadata: { name, labels: recordAt(recordAt(template, 'metadata'), 'labels') } };
    const path = paths.configMaps(namespace);
    await client.create(path, body);
    if (
      (await client.list(path, selectorText(selector))).some(
        (one) => textAt(recordAt(one, 'metadata'), 'name') === name,
      )
    )
      found.push(name);
    await client.delete(`${path}/${name}`);
  }
  return found;
}

/** The ports on which a pod listens, by their names. */
function listening(pod: Record<string, unknown>): Record<string, unknown> {
  const containers = listAt(recordAt(pod, 'spec'), 'containers');
  const ports = containers.flatMap((one) => listAt(one, 'ports').filter(isRecord));
  return Object.fromEntries(ports.map(({ name, containerPort }) => [String(name), containerPort]));
}

test('the API server accepts every policy, with no unknown field', async ({ plane, shipped }) => {
  const policies = [
    ...shipped.filter(({ kind }) => kind === 'NetworkPolicy'),
    ...documentedPolicies(),
    denial(namespace),
  ];
  assert.is(policies.length, 8);
  for (const policy of policies) {
    const place = textAt(recordAt(policy, 'metadata'), 'namespace') ?? '';
    const path = `/apis/networking.k8s.io/v1/namespaces/${place}/networkpolicies?fieldValidation=Strict`;
    await plane.client.create(path, bodyOf(policy));
  }
});

test('the documented policies select workers, planners and cleanups, and allow the port of the first two', async (world) => {
  const policies = documentedPolicies();
  for (const pod of ['worker', 'planner', 'cleanup']) {
    const policy = only(policies, 'NetworkPolicy', `allow-dockerrun-${pod}s`);
    assert.equal(await selected(world, recordAt(recordAt(policy, 'spec'), 'podSelector')), [pod]);
    const ports = Object.values(listening(world.pods[pod] ?? {}));
    assert.equal(ports, pod === 'cleanup' ? [] : [progressPort], 'nobody connects to a cleanup');
    assert.equal(portsOf(policy, 'ingress'), ports);
  }
});

test('the chart’s policies select the controller, the agent, workers and planners, and their ports are all in them', async (world) => {
  for (const [name, pod] of [
    ['dockerrun-controller', 'controller'],
    ['dockerrun-node-agent', 'agent'],
    ['dockerrun-workers', 'worker'],
    ['dockerrun-planners', 'planner'],
  ] as const) {
    const policy = only(world.shipped, 'NetworkPolicy', name);
    assert.equal(await selected(world, recordAt(recordAt(policy, 'spec'), 'podSelector')), [pod], name);
    const ports = listening(world.pods[pod] ?? {});
    const allowed = portsOf(policy, 'ingress').map((port) => (typeof port === 'string' ? ports[port] : port));
    assert.equal(allowed.toSorted(), Object.values(ports).toSorted(), name);
  }
});

test('the controller may connect to the port of workers and planners, by the labels that they have', async (world) => {
  const { egress = [] } = recordAt(only(world.shipped, 'NetworkPolicy', 'dockerrun-controller'), 'spec');
  const [toPods] = (Array.isArray(egress) ? egress.filter(isRecord) : []).filter(({ to }) =>
    Array.isArray(to),
  );
  assert.equal(listAt(toPods, 'ports'), [{ port: progressPort, protocol: 'TCP' }]);
  const found = [];
  for (const peer of listAt(toPods, 'to').filter(isRecord)) {
    assert.equal(peer['namespaceSelector'], {}, 'in all namespaces');
    found.push(...(await selected(world, recordAt(peer, 'podSelector'))));
  }
  assert.equal(found.toSorted(), ['planner', 'worker']);
});

test.run();
