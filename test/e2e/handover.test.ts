import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../fixtures/until.ts';
import { Lab, untilLetGo } from './support/runs.ts';
import { succeed } from './support/shell.ts';
import { rolePid } from './support/worker-process.ts';

const namespace = 'dockerrun-system';

/**
 * What tells a lease that was released from one that ran out, and the latter from one that nobody took; the time of
 * kubectl on a busy machine is in them. The promised times are of integration/kube/lease-handover.test.ts.
 */
const releasedMs = 9_000;
const ranOutMs = 30_000;

const kubectl = (...args: string[]) => succeed('kubectl', ['--namespace', namespace, ...args]);

let lab: Lab;

test.before(async () => {
  lab = await Lab.open('handover');
  // A test before may have stopped the node, and with it both controllers.
  await bothAreReady();
});
test.after(async () => {
  await bothAreReady();
  await lab.close();
});

/** Waits until two controllers are ready, so that one of them may be evicted. */
async function bothAreReady(): Promise<void> {
  const rollout = ['rollout', 'status', 'deployment/dockerrun-controller', '--timeout=120s'];
  const room = ['--for=jsonpath={.status.disruptionsAllowed}=1', '--timeout=120s'];
  for (const args of [rollout, ['wait', 'pdb/dockerrun-controller', ...room]])
    await succeed('kubectl', ['--namespace', namespace, ...args], { seconds: 130 });
}

/** The pod whose controller leads, another one than `before`. */
async function leader(before = ''): Promise<string> {
  const holder = ['get', 'lease', 'dockerrun-controller', '-o', 'jsonpath={.spec.holderIdentity}'];
  const pod = async () => (await kubectl(...holder)).split('_')[0] ?? '';
  const holds = (name: string) => name !== '' && name !== before;
  return until('another controller leads', pod, { holds, withinMs: 60_000, everyMs: 200 });
}

/** Applies a run, and gives after how many milliseconds it was taken up. */
async function takenUpIn(name: string): Promise<number> {
  const start = performance.now();
  await lab.run(name, { command: ['true'] });
  await lab.until(name, 'has a Job', { holds: ({ status }) => status.jobName !== undefined });
  return Math.round(performance.now() - start);
}

test('a node is drained of the leader, and its process is killed: another works in time, and runs go on', async () => {
  await lab.run('survivor', { command: ['sh', '-c', `echo once; ${untilLetGo}`] });
  await lab.running('survivor');

  const first = await leader();
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: first, namespace } };
  const path = `/api/v1/namespaces/${namespace}/pods/${first}/eviction`;
  await succeed('kubectl', ['create', '--raw', path, '-f', '-'], { input: JSON.stringify(eviction) });
  const evictedMs = await takenUpIn('at-an-eviction');
  console.log(`eviction of the leader: the next run is taken up after ${evictedMs} ms`);
  assert.ok(evictedMs < releasedMs, `${evictedMs} ms`);

  // The evicted one may have taken the run up itself, and lead until the kubelet stops it.
  const second = await leader(first);
  const uid = await kubectl('get', 'pod', second, '-o', 'jsonpath={.metadata.uid}');
  process.kill(await rolePid(uid, 'controller'), 'SIGKILL');
  const killedMs = await takenUpIn('at-a-kill');
  console.log(`kill -9 of the leader: the next run is taken up after ${killedMs} ms`);
  assert.ok(killedMs < ranOutMs, `${killedMs} ms`);

  await lab.letGo('survivor');
  const status = await lab.ended('survivor');
  assert.is(status.phase, 'Succeeded', status.message);
  assert.is(status.attempts, 1);
  assert.is((await lab.log('survivor')).toString(), 'once\n');
});

test.run();
