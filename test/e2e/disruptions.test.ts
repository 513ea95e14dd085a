import { setTimeout as sleep } from 'node:timers/promises';
import { test } from '../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { readLivePid } from '../cluster/supervise/pid-file.ts';
import { recordObservation } from '../fixtures/reliability-page.ts';
import { until } from '../fixtures/until.ts';
import { containersOf, Lab, type StoredRun, untilReleased } from './support/runs.ts';
import { execute, succeed } from './support/shell.ts';
import { workerPid } from './support/worker-process.ts';

/** Disruptions of pods by the cluster: they do not count against the run's backoffLimit. */

let lab: Lab;
let node: string;

test.before(async () => {
  lab = await Lab.open('disruptions');
  node = (await succeed('kubectl', ['get', 'nodes', '-o', 'jsonpath={.items[0].metadata.name}'])).trim();
});
test.after(async () => {
  await succeed('kubectl', ['uncordon', node]);
  await lab.close();
});

/** A target that prints "done" only if it is not stopped before. */
const work = {
  command: ['sh', '-c', `echo begun; ${untilReleased}; echo done`],
  terminationGracePeriodSeconds: 1,
};

const unreachable = 'node.kubernetes.io/unreachable:NoExecute';

/**
 * The node lifecycle controller checks every 5 s, and removes such taints when it finds that all nodes are
 * unreachable.
 */
const disruptionMs = 12_000;

const selectorOf = ({ metadata }: StoredRun) => `dockerrun.dev/run-uid=${metadata.uid}`;

test('an evicted pod is replaced, and the eviction does not count as a failure of the run', async () => {
  await lab.run('evicted', { ...work, backoffLimit: 0 });
  const run = await lab.running('evicted');
  const pod = run.status.podName ?? '';
  const eviction = {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name: pod, namespace: lab.namespace },
  };
  const path = `/api/v1/namespaces/${lab.namespace}/pods/${pod}/eviction`;
  await succeed('kubectl', ['create', '--raw', path, '-f', '-'], { input: JSON.stringify(eviction) });
  await lab.release('evicted', run);
  const end = await lab.ended('evicted', 120);
  assert.is(end.phase, 'Succeeded', end.message);
  assert.is(end.attemptHistory?.[0]?.reason, 'EvictionByEvictionAPI');
  assert.is(end.attemptHistory?.length, 2);
  assert.ok((await lab.events('evicted')).some(({ reason }) => reason === 'Retrying'));
  recordObservation({
    fault: 'A pod is evicted through the API, with backoffLimit 0',
    seen: `${end.phase}; attempt 1 ended with ${end.attemptHistory?.[0]?.reason ?? ''}`,
    left: `${(await containersOf(run.metadata.uid)).length} containers`,
  });
});

test('runs of a drained node wait for a node and resume when there is one', async () => {
  await lab.run('drained', work);
  const run = await lab.running('drained');
  await succeed(
    'kubectl',
    [
      'drain',
      node,
      `--pod-selector=${selectorOf(run)}`,
      '--force',
      '--delete-emptydir-data',
      '--ignore-daemonsets',
      '--timeout=60s',
    ],
    { seconds: 70 },
  );
  const waiting = await lab.until('drained', 'finds no node', {
    holds: ({ status }) => (status.message ?? '').includes('cannot be scheduled'),
  });
  assert.is(waiting.status.phase, 'Pending');
  assert.equal(await containersOf(run.metadata.uid), []);
  await succeed('kubectl', ['uncordon', node]);
  await lab.release('drained', run);
  const end = await lab.ended('drained', 120);
  assert.is(end.phase, 'Succeeded', end.message);
  recordObservation({
    fault: 'The node is drained, and no other node is there for a while',
    seen: `${waiting.status.phase} with a message of the scheduler, then ${end.phase}`,
    left: `${(await containersOf(run.metadata.uid)).length} containers`,
  });
});

test('a run on a lost node fails with a message that names the node, and leaves no container when the node is back', async () => {
  const away = ['not-ready', 'unreachable'].map((condition) => ({
    ...{ key: `node.kubernetes.io/${condition}`, operator: 'Exists', effect: 'NoExecute' },
    tolerationSeconds: 1,
  }));
  await lab.run('lost', { command: ['sleep', '600'], tolerations: away, terminationGracePeriodSeconds: 0 });
  const { metadata, status } = await lab.running('lost');
  const kubelet = readLivePid('kubelet')?.pid;
  if (kubelet === undefined) throw new Error('the cluster has no kubelet');
  const stopped = [kubelet, await workerPid(lab, status.podName ?? '')];
  try {
    for (const pid of stopped) process.kill(pid, 'SIGSTOP');
    await succeed('kubectl', ['wait', '--for=condition=Ready=Unknown', `node/${node}`, '--timeout=120s'], {
      seconds: 130,
    });
    // Kubernetes sets this taint itself while another node is ready; when no node is, it evicts no pod
    // (https://kubernetes.io/docs/concepts/architecture/nodes/#rate-limits-on-eviction).
    await sleep(disruptionMs);
    await succeed('kubectl', ['taint', 'node', node, unreachable, '--overwrite']);
    const end = await lab.ended('lost', 330);
    assert.is(end.reason, 'WorkerLost', end.message);
    assert.match(end.message ?? '', new RegExp(`node ${node} does not answer`));
  } finally {
    for (const pid of stopped) process.kill(pid, 'SIGCONT');
    await execute('kubectl', ['taint', 'node', node, `${unreachable}-`]);
  }
  await succeed('kubectl', ['wait', '--for=condition=Ready', `node/${node}`, '--timeout=90s'], {
    seconds: 100,
  });
  const options = { holds: ({ length }: string[]) => length === 0, withinMs: 180_000, everyMs: 500 };
  const left = await until('the target is deleted', () => containersOf(metadata.uid), options);
  recordObservation({
    fault: 'The kubelet and the worker of a node hang until Kubernetes gives the node up',
    seen: 'Failed with WorkerLost and the name of the node',
    left: `${left.length} containers when the node is back`,
  });
});

test.run();
