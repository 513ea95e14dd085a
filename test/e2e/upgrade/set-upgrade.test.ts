import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { test } from '../../fixtures/suite.ts';
import type { StartedTargets } from '../../integration/worker/crash/started-targets.ts';
import { followTargets, inputs, SetLab, upperCase } from '../sets/set-lab.ts';
import { CheckedOutBuild, installThisBuild } from './checked-out-build.ts';

/** A build with DockerRunSets; a set that it began must end under this one. */
const earlierCommit = 'f0408d4';
const count = 30;

/** All targets but the first ten wait until the upgrade is over. */
const waitForGate = 'case "$2" in slide-000*) ;; *) until [ -e /gate/open ]; do sleep 0.2; done ;; esac';

let lab: SetLab;
let earlier: CheckedOutBuild | undefined;
let targets: StartedTargets;
const texts = inputs(count);

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
  using gate = ScratchDirectory.mountable();
  const spec = {
    ...upperCase,
    command: ['sh', '-c', `${waitForGate}; ${upperCase.command[2]}`],
    volumes: [{ name: 'gate', bindMount: { hostPath: gate.path, containerPath: '/gate', mode: 'ro' } }],
  };
  await lab.apply('upgraded', { template: { spec }, chunk: { items: 5 } });
  await lab.until('upgraded', 'has some results', ({ status }) => (status.items?.done ?? 0) >= 5);
  await installThisBuild();
  writeFileSync(join(gate.path, 'open'), '');
  const { status } = await lab.inPhase('upgraded', 'Complete');
  assert.is(status.items?.done, count);
  await lab.expectUpperCase(texts);
  const starts = targets.startsIn(lab.lab.namespace);
  assert.is(starts.length, count, `targets for ${count} inputs`);
});

test.run();
