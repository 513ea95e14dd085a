import { test } from '../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { leaseTiming } from '../../src/kube/lease.ts';
import { recordObservation } from '../fixtures/reliability-page.ts';
import { until } from '../fixtures/until.ts';
import { Lab, untilReleased } from './support/runs.ts';
import { succeed } from './support/shell.ts';
import { rolePid } from './support/worker-process.ts';

const namespace = 'dockerrun-system';

/**
 * Separates a lease that expired from one that no controller acquires, in milliseconds after the kill;
 * integration/kube/lease-handover.test.ts checks the promised times.
 */
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

/** The Lease of the leader, by the clock of the node, in milliseconds since 1970. */
type HeldLease = { readonly holder: string; readonly acquired: number; readonly renewed: number };

async function readLease(): Promise<HeldLease> {
  type Lease = { spec: { holderIdentity?: string; acquireTime?: string; renewTime?: string } };
  const text = await kubectl('get', 'lease', 'dockerrun-controller', '-o', 'json');
  const { holderIdentity = '', acquireTime = '', renewTime = '' } = (JSON.parse(text) as Lease).spec;
  return { holder: holderIdentity, acquired: Date.parse(acquireTime), renewed: Date.parse(renewTime) };
}

const podOf = ({ holder }: HeldLease) => holder.split('_')[0] ?? '';

/**
 * Waits until a container other than that of `before` leads; `renewed` is when the lease before was last seen to be
 * renewed.
 */
async function nextLease(before: HeldLease): Promise<{ next: HeldLease; renewed: number }> {
  let { renewed } = before;
  const holds = (now: HeldLease) => {
    if (now.holder === before.holder) renewed = now.renewed;
    return now.holder !== '' && now.holder !== before.holder;
  };
  const options = { holds, withinMs: 120_000, everyMs: 200 };
  return { next: await until('another controller is the leader', readLease, options), renewed };
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

  const noLease = { holder: '', acquired: 0, renewed: 0 };
  const { next: first } = await nextLease(noLease);
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: podOf(first), namespace } };
  const path = `/api/v1/namespaces/${namespace}/pods/${podOf(first)}/eviction`;
  await succeed('kubectl', ['create', '--raw', path, '-f', '-'], { input: JSON.stringify(eviction) });
  const evictedMs = msUntilJob('at-an-eviction');
  const { next: second, renewed } = await nextLease(first);
  console.log(`eviction of the leader: the next run has a Job after ${await evictedMs} ms`);
  assert.ok(second.acquired - renewed < leaseTiming.durationMs, 'the lease was released, and did not expire');

  const uid = await kubectl('get', 'pod', podOf(second), '-o', 'jsonpath={.metadata.uid}');
  const killed = Date.now();
  process.kill(await rolePid(uid, 'controller'), 'SIGKILL');
  const killedMs = msUntilJob('at-a-kill');
  const { next: third } = await nextLease(second);
  console.log(`kill -9 of the leader: the next run has a Job after ${await killedMs} ms`);
  assert.ok(third.acquired - killed < expiredMs, `${third.acquired - killed} ms`);

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
