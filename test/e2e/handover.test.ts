import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Lab } from './support/runs.ts';
import { succeed } from './support/shell.ts';
import { rolePid } from './support/worker-process.ts';

const namespace = 'dockerrun-system';
const kubectl = (...args: string[]) => succeed('kubectl', ['--namespace', namespace, ...args]);

let lab: Lab;

test.before(async () => {
  lab = await Lab.open('handover');
});
test.after(async () => {
  await kubectl('rollout', 'status', 'deployment/dockerrun-controller', '--timeout=60s');
  await lab.close();
});

/** The pod whose controller leads. */
async function leader(): Promise<string> {
  const end = Date.now() + 30_000;
  for (;;) {
    const holder = await kubectl(
      'get',
      'lease',
      'dockerrun-controller',
      '-o',
      'jsonpath={.spec.holderIdentity}',
    );
    const [pod = ''] = holder.split('_');
    if (pod !== '') return pod;
    if (Date.now() > end) throw new Error('no controller leads');
    await sleep(200);
  }
}

/** Applies a run, and gives after how many milliseconds it was taken up. */
async function takenUpIn(name: string, seconds: number): Promise<number> {
  const start = performance.now();
  await lab.run(name, { command: ['true'] });
  await lab.until(name, ({ status }) => status.jobName !== undefined, seconds);
  return Math.round(performance.now() - start);
}

test('a node is drained of the leader, and its process is killed: another works in time, and runs go on', async () => {
  await lab.run('survivor', { command: ['sh', '-c', 'echo once; sleep 25'] });
  await lab.running('survivor');

  const first = await leader();
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: first, namespace } };
  const path = `/api/v1/namespaces/${namespace}/pods/${first}/eviction`;
  await succeed('kubectl', ['create', '--raw', path, '-f', '-'], { input: JSON.stringify(eviction) });
  const evictedMs = await takenUpIn('at-an-eviction', 10);
  console.log(`eviction of the leader: the next run is taken up after ${evictedMs} ms`);
  assert.ok(evictedMs < 4_000, `${evictedMs} ms, of which kubectl takes some`);

  const second = await leader();
  assert.is.not(second, first);
  const uid = await kubectl('get', 'pod', second, '-o', 'jsonpath={.metadata.uid}');
  process.kill(await rolePid(uid, 'controller'), 'SIGKILL');
  const killedMs = await takenUpIn('at-a-kill', 25);
  console.log(`kill -9 of the leader: the next run is taken up after ${killedMs} ms`);
  assert.ok(killedMs < 21_000, `${killedMs} ms, of which kubectl takes some`);

  const status = await lab.ended('survivor');
  assert.is(status.phase, 'Succeeded', status.message);
  assert.is(status.attempts, 1);
  assert.is((await lab.log('survivor')).toString(), 'once\n');
});

test.run();
