import { test } from '../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { parseRun } from '../../src/controller/observe/parse.ts';
import { isTerminalPhase, type Phase } from '../../src/api/status.ts';
import { type GitOpsHealth, gitOpsHealthOf } from '../fixtures/gitops-health.ts';
import { until } from '../fixtures/until.ts';
import { RunVersions } from './support/run-versions.ts';
import { Lab, patienceMs, untilReleased } from './support/runs.ts';

let lab: Lab;
let versions: RunVersions;

test.before(async () => {
  lab = await Lab.open('gitops');
  versions = new RunVersions(lab.namespace);
});
test.after(async () => {
  versions[Symbol.dispose]();
  await lab.close();
});

type Seen = { phase: Phase | undefined; health: GitOpsHealth };

/** Waits until the watch has delivered a matching phase. */
async function phaseSeen(name: string, isIt: (phase: Phase | undefined) => boolean): Promise<void> {
  const phases = () => versions.of(name).map((object) => parseRun(object).status.phase);
  const holds = (found: (Phase | undefined)[]) => found.some(isIt);
  await until(`the watch shows the phase of ${name}`, phases, { holds, withinMs: patienceMs });
}

/** Every version of a run with its health in each tool; waits until the watch has delivered the end. */
async function history(name: string): Promise<Seen[]> {
  await phaseSeen(name, isTerminalPhase);
  const objects = versions.of(name);
  const all = await gitOpsHealthOf(objects);
  return objects.map((object, at) => {
    const health = all[at];
    if (health === undefined) throw new Error(`${name}: no health on version ${at}`);
    return { phase: parseRun(object).status.phase, health };
  });
}

const states = ({ health: { kstatus, argo, flux } }: Seen) => [kstatus.status, argo.status, flux.status];

/** Until a run ends, every tool must report it in progress; after that, its result. */
function assertReported(seen: readonly Seen[], ended: string[]): void {
  const first = seen.findIndex(({ phase }) => isTerminalPhase(phase));
  for (const version of seen.slice(0, first)) {
    const [kstatus, argo = '', flux] = states(version);
    assert.is(kstatus, 'InProgress', version.phase);
    assert.is(flux, 'InProgress', version.phase);
    const expected = version.phase === 'Suspended' ? ['Suspended', 'Progressing'] : ['Progressing'];
    assert.ok(expected.includes(argo), `${version.phase}: ${argo}`);
  }
  for (const version of seen.slice(first)) assert.equal(states(version), ended, version.phase);
}

test('tools report a run that is suspended, resumed and succeeds as in progress until it has ended', async () => {
  await lab.run('good', { suspend: true, command: ['sh', '-c', untilReleased] });
  await phaseSeen('good', (phase) => phase === 'Suspended');
  await lab.kubectl('patch', 'dockerrun', 'good', '--type=merge', '--patch={"spec":{"suspend":false}}');
  await lab.release('good');
  const seen = await history('good');
  assertReported(seen, ['Current', 'Healthy', 'Current']);
  const phases = new Set(seen.map(({ phase }) => phase));
  for (const phase of ['Suspended', 'Pending', 'Running', 'Succeeded'] as const)
    assert.ok(phases.has(phase), phase);
  assert.ok(
    seen.some(({ health }) => health.argo.status === 'Suspended'),
    'Argo CD shows that it was suspended',
  );
  await lab.kubectl(
    'patch',
    'dr',
    'good',
    '--type=merge',
    '--patch={"spec":{"ttlSecondsAfterFinished":600}}',
  );
  await lab.kubectl('wait', 'dr/good', '--for=condition=Complete', '--timeout=50s');
});

test('tools report a run that fails after a retry as in progress until its last attempt ends', async () => {
  await lab.run('bad', { command: ['false'], backoffLimit: 1 });
  const seen = await history('bad');
  assertReported(seen, ['Failed', 'Degraded', 'Failed']);
  const message = seen.at(-1)?.health.argo.message ?? '';
  assert.match(message, /^TargetFailed: /);
});

test('tools report a cancelled run as failed after it has stopped', async () => {
  await lab.run('stopped', { command: ['sleep', '300'] });
  await lab.running('stopped');
  await lab.kubectl('patch', 'dockerrun', 'stopped', '--type=merge', '--patch={"spec":{"cancel":true}}');
  assertReported(await history('stopped'), ['Failed', 'Degraded', 'Failed']);
});

test.run();
