import * as assert from 'uvu/assert';
import { join } from 'node:path';
import { layout } from '../../cluster/layout.ts';
import { test } from '../../fixtures/suite.ts';
import type { StartedTargets } from '../../integration/worker/crash/started-targets.ts';
import { followTargets, inputs, SetLab, upperCase } from '../sets/set-lab.ts';
import { succeed } from '../support/shell.ts';
import { CheckedOutBuild } from './checked-out-build.ts';

/** A build with DockerRunSets; a set that it began must end under this one. */
const earlierCommit = 'f0408d4';
const count = 40;

let lab: SetLab;
let earlier: CheckedOutBuild | undefined;
let targets: StartedTargets;
const texts = inputs(count);

const installThisBuild = () =>
  succeed('node', [join(layout.checkout, 'test/cluster/operator/install.ts')], { seconds: 300 });

test.before(async () => {
  lab = await SetLab.open('set-upgrade');
  await lab.addInputs(texts);
  targets = await followTargets();
  earlier = await CheckedOutBuild.make(earlierCommit);
  await earlier.install();
});
test.after(async () => {
  await installThisBuild();
  targets[Symbol.dispose]();
  await lab.close();
  earlier?.[Symbol.dispose]();
});

test('an upgrade in the middle of a pass of a set neither loses an input nor does one again', async () => {
  await lab.apply('upgraded', {
    template: { spec: { ...upperCase, command: ['sh', '-c', `sleep 1; ${upperCase.command[2]}`] } },
    chunk: { items: 5 },
  });
  await lab.until('upgraded', 'has some results', ({ status }) => (status.items?.done ?? 0) >= 5);
  await installThisBuild();
  const during = (await lab.get('upgraded')).status;
  assert.ok((during.items?.done ?? 0) < count, 'the upgrade came before the end of the pass');
  const { status } = await lab.inPhase('upgraded', 'Complete');
  assert.is(status.items?.done, count);
  const found = await lab.resultItems();
  assert.equal([...found.keys()].toSorted(), [...texts.keys()].toSorted());
  for (const [path, text] of texts) {
    const { id = '', receipt } = found.get(path) ?? {};
    assert.is(receipt?.state, 'Succeeded', path);
    assert.is(await lab.textOf(id, 'upper.txt'), text.toUpperCase());
  }
  const starts = targets.startsIn(lab.lab.namespace);
  assert.is(starts.length, count, `targets for ${count} inputs`);
});

test.run();
