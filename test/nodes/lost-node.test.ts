import * as assert from 'uvu/assert';
import { onNode2 } from '../cluster/node2/node-shell.ts';
import { containersOf, Lab, type StoredRun, untilReleased } from '../e2e/support/runs.ts';
import { onSecondNode } from '../e2e/support/test-node.ts';
import { recordObservation } from '../fixtures/reliability-page.ts';
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

/** A run while its target runs, with the uid of its pod. */
type Traces = { readonly run: string; readonly pod: string };

async function tracesOf({ metadata, status }: StoredRun): Promise<Traces> {
  const pod = await lab.kubectl('get', 'pod', status.podName ?? '', '-o', 'jsonpath={.metadata.uid}');
  const traces = { run: metadata.uid, pod };
  assert.ok((await leftOf(traces)).length > 1, 'a pod has a cgroup, and its target a container');
  return traces;
}

/** The cgroups that the node still has of a pod, and the containers that its engine has of the run. */
async function leftOf({ run, pod }: Traces): Promise<string[]> {
  const slices = `find /sys/fs/cgroup/kubepods.slice -maxdepth 2 -name '*${pod.replaceAll('-', '_')}*'`;
  const found = await onNode2(slices, AbortSignal.timeout(30_000));
  return [...found.split('\n').filter((path) => path !== ''), ...(await containersOf(run))];
}

async function expectNothingLeft(traces: Traces): Promise<void> {
  const nothing = { holds: ({ length }: string[]) => length === 0, withinMs: 60_000, everyMs: 1_000 };
  await until('nothing is left', () => leftOf(traces), nothing);
}

test('a node that is back at once costs an attempt: a run with another one succeeds there, and one without fails', async () => {
  await lab.run('again', { ...work, backoffLimit: 1 });
  await lab.run('once', { ...work, backoffLimit: 0 });
  const before = await lab.running('again');
  const traces = [await tracesOf(before), await tracesOf(await lab.running('once'))];
  await startNode(await killNode());
  const once = await lab.ended('once', givenUpSeconds);
  assert.is(once.reason, 'WorkerLost', once.message);
  await lab.release('again', before);
  const again = await lab.ended('again', givenUpSeconds);
  assert.is(again.phase, 'Succeeded', again.message);
  assert.is(again.attempts, 2);
  for (const each of traces) await expectNothingLeft(each);
  recordObservation({
    fault: 'The machine of a node loses its power, and starts again at once',
    seen: `${again.phase} in ${again.attempts} attempts; Failed with ${once.reason} without a second attempt`,
    left: 'no container and no cgroup on the node',
  });
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
  const traces = await tracesOf(await lab.running('away'));
  const ended = await killNode();
  const status = await lab.ended('away', givenUpSeconds);
  assert.is(status.reason, 'WorkerLost', status.message);
  assert.match(status.message ?? '', 'node node-2 does not answer');
  await startNode(ended);
  await expectNothingLeft(traces);
  recordObservation({
    fault: 'The machine of a node loses its power, and stays away until Kubernetes gives it up',
    seen: `Failed with ${status.reason} and the name of the node`,
    left: 'no container and no cgroup when the node is back',
  });
});

test.run();
