import * as assert from 'uvu/assert';
import { layout } from '../cluster/layout.ts';
import { node2, node2Taint } from '../cluster/node2/node2-layout.ts';
import { nodeName } from '../cluster/network.ts';
import { Lab, releaseContainer, untilReleased } from '../e2e/support/runs.ts';
import { succeed } from '../e2e/support/shell.ts';
import { chart } from '../fixtures/helm.ts';
import { recordObservation } from '../fixtures/reliability-page.ts';
import { test } from '../fixtures/suite.ts';
import { until } from '../fixtures/until.ts';
import { engineIs, expectSoundKernel, killNode, startNode } from './second-node.ts';

/** The machine of the leading controller loses its power. It runs alone. */

const namespace = 'dockerrun-system';
const rolloutSeconds = 180;
/** As in e2e/handover.test.ts: separates a lease that expired from one that no controller acquires. */
const expiredMs = 30_000;
/** Runs of this file are on the first node, which stays. */
const onFirstNode = { nodeSelector: { 'kubernetes.io/hostname': nodeName }, tolerations: [] };
const held = { ...onFirstNode, command: ['sh', '-c', `echo once; ${untilReleased}`] };
let lab: Lab;

const kubectl = (...args: string[]) =>
  succeed('kubectl', ['--namespace', namespace, ...args], { seconds: rolloutSeconds + 10 });

/** Changes values of the installed chart, and waits until the replicas have them. */
async function configure(values: Record<string, unknown>): Promise<void> {
  const set = Object.entries(values).flatMap(([name, value]) => [
    '--set-json',
    `${name}=${JSON.stringify(value)}`,
  ]);
  const patience = ['--wait', '--timeout', `${rolloutSeconds}s`];
  const release = ['upgrade', 'dockerrun', chart, '--namespace', namespace, '--reuse-values'];
  await succeed('helm', [...release, ...patience, ...set], { seconds: rolloutSeconds + 10 });
}

/** One replica of each revision on each node. */
const onBothNodes = {
  tolerations: [{ key: node2Taint.key, operator: 'Exists', effect: node2Taint.effect }],
  topologySpreadConstraints: [
    {
      ...{ topologyKey: 'kubernetes.io/hostname', maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule' },
      labelSelector: {
        matchLabels: {
          'app.kubernetes.io/name': 'dockerrun',
          'app.kubernetes.io/component': 'controller',
        },
      },
      matchLabelKeys: ['pod-template-hash'],
    },
  ],
};

/** The pod that leads, and its node. */
async function leader(): Promise<{ pod: string; node: string }> {
  const holder = ['get', 'lease', 'dockerrun-controller', '-o', 'jsonpath={.spec.holderIdentity}'];
  const pod = (await kubectl(...holder)).split('_')[0] ?? '';
  return { pod, node: await kubectl('get', 'pod', pod, '-o', 'jsonpath={.spec.nodeName}') };
}

const isOn = (node: string) => (found: { node: string }) => found.node === node;

async function untilLeaderIsOn(node: string, look = leader): Promise<void> {
  await until(`the leader is on ${node}`, look, { holds: isOn(node), withinMs: 60_000, everyMs: 500 });
}

/**
 * Deletes the leader if it is on the first node, and returns who led. A replica of the revision before may lead first; then
 * the new one on the first node may follow it, and is deleted as well.
 */
async function deleteLeaderOnFirstNode(): Promise<{ pod: string; node: string }> {
  const found = await leader();
  if (found.node !== node2.name) await kubectl('delete', 'pod', found.pod, '--ignore-not-found');
  return found;
}

/** A replica on each node, of which the one on the second node leads. */
async function leadFromSecondNode(): Promise<void> {
  await configure(onBothNodes);
  await untilLeaderIsOn(node2.name, deleteLeaderOnFirstNode);
  // The replica that was deleted has a successor on its node, which takes over later.
  await kubectl('rollout', 'status', 'deployment/dockerrun-controller', `--timeout=${rolloutSeconds}s`);
}

/** As `lab.release`, with the engine of the first node. */
async function release(name: string): Promise<void> {
  const { status } = await lab.running(name);
  await releaseContainer(status.target?.containerID ?? '', layout.dockerSocket);
}

test.before(async () => {
  lab = await Lab.open('lost-leader');
  await engineIs('ready');
});
test.after(async () => {
  await startNode();
  await configure({ tolerations: [], topologySpreadConstraints: [] });
  await lab.close();
  expectSoundKernel();
});

test('when the node of the leader dies, the replica on another node takes over, and the runs of both end', async () => {
  await leadFromSecondNode();
  await lab.run('before', held);
  await lab.running('before');
  const ended = await killNode();
  const start = performance.now();
  await lab.run('meanwhile', held);
  await lab.until('meanwhile', 'has a Job', { holds: ({ status }) => status.jobName !== undefined });
  const ms = Math.round(performance.now() - start);
  console.log(`the leader's node is off: the next run has a Job after ${ms} ms`);
  assert.ok(ms < expiredMs, `${ms} ms`);
  await untilLeaderIsOn(nodeName);
  for (const name of ['before', 'meanwhile']) {
    await release(name);
    const status = await lab.ended(name);
    assert.is(status.phase, 'Succeeded', status.message);
    assert.is(status.attempts, 1);
    assert.is(await lab.output(name), 'once\n');
  }
  await startNode(ended);
  assert.is((await leader()).node, nodeName, 'a leader that comes back does not lead');
  recordObservation({
    fault: 'The machine of the leading controller loses its power, while another node has the other one',
    seen: 'Succeeded in 1 attempt; a run that is created meanwhile as well',
    left: 'each target ran once',
  });
});

test.run();
