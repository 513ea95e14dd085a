import { test } from '../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { recordObservation } from '../fixtures/reliability-page.ts';
import { until } from '../fixtures/until.ts';
import { Lab, untilReleased } from './support/runs.ts';
import { succeed } from './support/shell.ts';
import { rolePid } from './support/worker-process.ts';

const namespace = 'dockerrun-system';

/**
 * Bounds that separate a released lease from an expired one, and an expired one from one that no controller
 * acquires. They include the time of kubectl on a busy machine; integration/kube/lease-handover.test.ts
 * checks the promised times.
 */
const releasedMs = 9_000;
const expiredMs = 30_000;

const kubectl = (...args: string[]) => succeed('kubectl', ['--namespace', namespace, ...args]);

let lab: Lab;

test.before(async () => {
  lab = await Lab.open('handover');
  // An earlier test may have stopped the node, and with it both controllers.
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

/** The pod whose controller is the leader; waits until it is another one than `before`. */
async function leader(before = ''): Promise<string> {
  const holder = ['get', 'lease', 'dockerrun-controller', '-o', 'jsonpath={.spec.holderIdentity}'];
  const pod = async () => (await kubectl(...holder)).split('_')[0] ?? '';
  const holds = (name: string) => name !== '' && name !== before;
  return until('another controller is the leader', pod, { holds, withinMs: 60_000, everyMs: 200 });
}

/** Applies a run and returns the time until it has a Job, in milliseconds. */
async function msUntilJob(name: string): Promise<number> {
  const start = performance.now();
  await lab.run(name, { command: ['true'] });
  await lab.until(name, 'has a Job', { holds: ({ status }) => status.jobName !== undefined });
  return Math.round(performance.now() - start);
}

test('after the leader is evicted, and after it is killed, another controller takes over in time and runs continue', async () => {
  await lab.run('survivor', { command: ['sh', '-c', `echo once; ${untilReleased}`] });
  await lab.running('survivor');

  const first = await leader();
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: first, namespace } };
  const path = `/api/v1/namespaces/${namespace}/pods/${first}/eviction`;
  await succeed('kubectl', ['create', '--raw', path, '-f', '-'], { input: JSON.stringify(eviction) });
  const evictedMs = await msUntilJob('at-an-eviction');
  console.log(`eviction of the leader: the next run has a Job after ${evictedMs} ms`);
  assert.ok(evictedMs < releasedMs, `${evictedMs} ms`);

  // The evicted controller may have created the Job itself: it leads until the kubelet stops it.
  const second = await leader(first);
  const uid = await kubectl('get', 'pod', second, '-o', 'jsonpath={.metadata.uid}');
  process.kill(await rolePid(uid, 'controller'), 'SIGKILL');
  const killedMs = await msUntilJob('at-a-kill');
  console.log(`kill -9 of the leader: the next run has a Job after ${killedMs} ms`);
  assert.ok(killedMs < expiredMs, `${killedMs} ms`);

  await lab.release('survivor');
  const status = await lab.ended('survivor');
  assert.is(status.phase, 'Succeeded', status.message);
  assert.is(status.attempts, 1);
  assert.is((await lab.log('survivor')).toString(), 'once\n');
  recordObservation({
    fault: 'The leading controller is evicted, and the next one is killed',
    seen: `${status.phase} in ${status.attempts} attempt`,
    left: 'the target ran once',
  });
});

test('a restart of the controller neither loses nor repeats a run', async () => {
  await lab.run('restarted', { command: ['sh', '-c', `echo once; ${untilReleased}`] });
  await lab.running('restarted');
  await kubectl('delete', 'pod', '--all', '--grace-period=0', '--force');
  const rollout = ['rollout', 'status', 'deployment/dockerrun-controller', '--timeout=120s'];
  await succeed('kubectl', ['--namespace', namespace, ...rollout], { seconds: 130 });
  await lab.release('restarted');
  const status = await lab.ended('restarted');
  assert.is(status.phase, 'Succeeded', status.message);
  assert.is(status.attempts, 1);
  assert.is((await lab.log('restarted')).toString(), 'once\n');
  recordObservation({
    fault: 'All controllers are deleted at once while a target runs',
    seen: `${status.phase} in ${status.attempts} attempt`,
    left: 'the target ran once',
  });
});

test.run();
