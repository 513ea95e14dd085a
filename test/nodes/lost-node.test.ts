import * as assert from 'uvu/assert';
import { onNode2 } from '../cluster/node2/node-shell.ts';
import { containersOf, Lab, untilReleased } from '../e2e/support/runs.ts';
import { onSecondNode } from '../e2e/support/test-node.ts';
import { test } from '../fixtures/suite.ts';
import { until } from '../fixtures/until.ts';
import { engineIs, expectSoundKernel, killNode, startNode } from './second-node.ts';

/** The machine of a node loses its power while runs are there. It runs alone. */

/** Until Kubernetes gives a node up, and then until the controller gives up the run; both are in docs/reliability.md. */
const givenUpSeconds = 330;
const work = { command: ['sh', '-c', untilReleased], terminationGracePeriodSeconds: 1 };
let lab: Lab;

test.before(async () => {
  lab = await Lab.open('lost-node');
  await engineIs('ready');
});
test.after(async () => {
  await startNode();
  await lab.close();
  expectSoundKernel();
});

/** What the engine and the pods' part of the machine still have of a run. */
async function leftOf(uid: string): Promise<string[]> {
  const pods = await onNode2('ls /sys/fs/cgroup/kubepods.slice', AbortSignal.timeout(30_000));
  const slices = pods.split('\n').filter((name) => name.includes(uid.replaceAll('-', '_')));
  return [...slices, ...(await containersOf(uid))];
}

test('a node that is back at once costs an attempt: a run with another one succeeds there, and one without fails', async () => {
  await lab.run('again', { ...work, backoffLimit: 1 });
  await lab.run('once', { ...work, backoffLimit: 0 });
  const before = await lab.running('again');
  const { metadata } = await lab.running('once');
  await startNode(await killNode());
  const once = await lab.ended('once', givenUpSeconds);
  assert.is(once.reason, 'WorkerLost', once.message);
  await lab.release('again', before);
  const again = await lab.ended('again', givenUpSeconds);
  assert.is(again.phase, 'Succeeded', again.message);
  assert.is(again.attempts, 2);
  const nothing = { holds: ({ length }: string[]) => length === 0, withinMs: 60_000, everyMs: 1_000 };
  for (const { uid } of [metadata, before.metadata])
    await until('nothing is left', () => leftOf(uid), nothing);
});

test('a run on a node that stays away fails with the name of the node, and leaves nothing there', async () => {
  const away = ['not-ready', 'unreachable'].map((condition) => ({
    ...{ key: `node.kubernetes.io/${condition}`, operator: 'Exists', effect: 'NoExecute' },
    tolerationSeconds: 5,
  }));
  await lab.run('away', {
    command: ['sleep', '600'],
    terminationGracePeriodSeconds: 0,
    tolerations: [...onSecondNode.tolerations, ...away],
  });
  const { metadata } = await lab.running('away');
  const ended = await killNode();
  const status = await lab.ended('away', givenUpSeconds);
  assert.is(status.reason, 'WorkerLost', status.message);
  assert.match(status.message ?? '', 'node node-2 does not answer');
  await startNode(ended);
  const nothing = { holds: ({ length }: string[]) => length === 0, withinMs: 60_000, everyMs: 1_000 };
  await until('nothing is left', () => leftOf(metadata.uid), nothing);
});

test.run();
