import * as assert from 'uvu/assert';
import { loadOperatorImage } from '../cluster/node2/node-images.ts';
import { node2 } from '../cluster/node2/node2-layout.ts';
import { Lab, untilReleased } from '../e2e/support/runs.ts';
import { succeed } from '../e2e/support/shell.ts';
import { onSecondNode } from '../e2e/support/test-node.ts';
import { CheckedOutBuild, installThisBuild } from '../e2e/upgrade/checked-out-build.ts';
import { test } from '../fixtures/suite.ts';
import { engineIs, expectSoundKernel } from './second-node.ts';

/** An upgrade of the operator while runs are on the second node, each build with its own image there. It runs alone. */

/** A build with the chart and the node agent; runs that it began must end under this one. */
const earlierCommit = 'f0408d4';
const label = 'dockerrun-upgrade';
const loadMs = 300_000;
let lab: Lab;
let earlier: CheckedOutBuild | undefined;

test.before(async () => {
  lab = await Lab.open('upgrade-there');
  earlier = await CheckedOutBuild.make(earlierCommit);
  await earlier.install();
  await loadOperatorImage(AbortSignal.timeout(loadMs));
  await engineIs('ready');
});
test.after(async () => {
  await installThisBuild();
  await succeed('kubectl', ['label', 'node', node2.name, `${label}-`]);
  await lab.close();
  earlier?.[Symbol.dispose]();
  expectSoundKernel();
});

test('an upgrade neither loses nor repeats a run of this node, whether it runs, waits or is new', async () => {
  await lab.run('done', { command: ['true'] });
  const done = await lab.ended('done');
  assert.is(done.phase, 'Succeeded', done.message);
  await lab.run('running', { command: ['sh', '-c', `echo once; ${untilReleased}`] });
  const before = await lab.running('running');
  const nodeSelector = { ...onSecondNode.nodeSelector, [label]: 'done' };
  await lab.run('waiting', { command: ['echo', 'once'], nodeSelector });
  const upgrade = installThisBuild();
  await lab.run('newcomer', { command: ['echo', 'once'] });
  await upgrade;
  await engineIs('ready');
  await succeed('kubectl', ['label', 'node', node2.name, `${label}=done`, '--overwrite']);
  await lab.release('running');
  for (const name of ['running', 'waiting', 'newcomer']) {
    const status = await lab.ended(name, 120);
    assert.is(status.phase, 'Succeeded', `${name}: ${status.message}`);
    assert.is(status.attempts, 1, name);
    assert.is(await lab.output(name), 'once\n');
  }
  assert.is((await lab.get('running')).status.target?.containerID, before.status.target?.containerID);
  assert.equal((await lab.get('done')).status, done, 'the end of a run is final');
});

test.run();
