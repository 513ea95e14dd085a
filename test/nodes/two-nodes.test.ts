import * as assert from 'uvu/assert';
import { nodeName } from '../cluster/network.ts';
import { onNode2 } from '../cluster/node2/node-shell.ts';
import { node2 } from '../cluster/node2/node2-layout.ts';
import { Lab, type Manifest } from '../e2e/support/runs.ts';
import { succeed } from '../e2e/support/shell.ts';
import { onSecondNode } from '../e2e/support/test-node.ts';
import { test } from '../fixtures/suite.ts';
import { engineIs, expectSoundKernel } from './second-node.ts';

/** What a cluster of two nodes has and one of a single node has not: a choice. It runs alone. */

const shellMs = 30_000;
let lab: Lab;

test.before(async () => {
  lab = await Lab.open('two-nodes');
  await engineIs('ready');
});
test.after(async () => {
  await succeed('kubectl', ['uncordon', node2.name]);
  await lab.close();
  expectSoundKernel();
});

const here = (command: string) => onNode2(command, AbortSignal.timeout(shellMs));

/** May go to both nodes, and goes to the second one while that takes runs. */
const rather: Manifest = {
  nodeSelector: {},
  tolerations: onSecondNode.tolerations,
  affinity: {
    nodeAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        {
          weight: 100,
          preference: {
            matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node2.name] }],
          },
        },
      ],
    },
  },
};

async function nodeOf(name: string): Promise<string> {
  const { status } = await lab.get(name);
  return lab.kubectl('get', 'pod', status.podName ?? '', '-o', 'jsonpath={.spec.nodeName}');
}

test('a run goes to the node whose label it names', async () => {
  await succeed('kubectl', ['label', 'node', node2.name, 'dockerrun-test/scanner=yes']);
  try {
    await lab.run('labelled', {
      command: ['true'],
      nodeSelector: { 'dockerrun-test/scanner': 'yes' },
      tolerations: onSecondNode.tolerations,
    });
    const status = await lab.ended('labelled');
    assert.is(status.phase, 'Succeeded', status.message);
    assert.is(await nodeOf('labelled'), node2.name);
  } finally {
    await succeed('kubectl', ['label', 'node', node2.name, 'dockerrun-test/scanner-']);
  }
});

test('a run of a drained node moves to the other one, and the drain does not count as a failure', async () => {
  // The second node's kernel says its kind; on the first one the target ends at once.
  const script = 'if grep -q "User Mode Linux" /proc/cpuinfo; then sleep 600; fi';
  await lab.run('moved', {
    ...rather,
    command: ['sh', '-c', script],
    backoffLimit: 0,
    terminationGracePeriodSeconds: 1,
  });
  const before = await lab.running('moved');
  assert.is(await nodeOf('moved'), node2.name);
  const runs = `--pod-selector=dockerrun.dev/run-uid=${before.metadata.uid}`;
  const force = ['--force', '--delete-emptydir-data', '--ignore-daemonsets', '--timeout=60s'];
  await succeed('kubectl', ['drain', node2.name, runs, ...force], { seconds: 70 });
  try {
    const end = await lab.ended('moved', 120);
    assert.is(end.phase, 'Succeeded', end.message);
    assert.is(end.attemptHistory?.[0]?.reason, 'EvictionByEvictionAPI');
    assert.is(await nodeOf('moved'), nodeName);
  } finally {
    await succeed('kubectl', ['uncordon', node2.name]);
  }
});

test('while the engine of one node hangs, runs go to the other one, and later to both', async () => {
  await here('pkill -STOP dockerd');
  try {
    await engineIs('unready');
    await lab.run('elsewhere', { ...rather, command: ['true'] });
    const status = await lab.ended('elsewhere');
    assert.is(status.phase, 'Succeeded', status.message);
    assert.is(await nodeOf('elsewhere'), nodeName);
  } finally {
    await here('pkill -CONT dockerd');
  }
  await engineIs('ready');
  await lab.run('back', { ...rather, command: ['true'] });
  assert.is((await lab.ended('back')).phase, 'Succeeded');
  assert.is(await nodeOf('back'), node2.name);
});

test.run();
