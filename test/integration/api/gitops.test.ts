import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { phases } from '../../../src/api/status.ts';
import { parseRun } from '../../../src/controller/observe/parse.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { type GitOpsHealth, gitOpsHealthOf } from '../../fixtures/gitops-health.ts';
import { type PageRow, pageRows } from '../../fixtures/gitops-page.ts';
import { createRun, moveTo, placeNamed, runsPath } from '../../fixtures/placed-runs.ts';
import { places } from '../../fixtures/runs-by-place.ts';

let plane: ControlPlane;

test.before(async () => {
  plane = await startControlPlane();
});
test.after(() => plane.close());

let count = 0;
const freshName = () => `run-${(count += 1)}`;

const succeeded = placeNamed(places, 'Succeeded');

async function healthOf(object: unknown): Promise<GitOpsHealth> {
  const [health] = await gitOpsHealthOf([object]);
  if (health === undefined) throw new Error('the tools returned no health');
  return health;
}

/** The state of a run by its conditions and by the tools, in the form of a row of the page. */
async function rowOf(object: unknown): Promise<PageRow> {
  const { conditions = [] } = parseRun(object).status;
  const { kstatus, argo, flux } = await healthOf(object);
  const met = conditions.filter(({ type, status }) => type !== 'Accepted' && status === 'True');
  return {
    conditions: met.map(({ type }) => type).toSorted(),
    kstatus: kstatus.status,
    argo: argo.status,
    flux: flux.status,
  };
}

function expected(row: string): PageRow {
  const found = pageRows.get(row);
  if (found === undefined) throw new Error(`docs/gitops.md has no row: ${row}`);
  return { ...found, conditions: found.conditions.toSorted() };
}

test('the page has a row for every phase, and the cases cover every phase', () => {
  for (const phase of phases) {
    assert.ok(pageRows.has(phase), phase);
    assert.ok(
      places.some(({ row }) => row === phase),
      phase,
    );
  }
});

for (const place of places) {
  test(`the tools report the state on the page: ${place.name}`, async () => {
    const name = freshName();
    await createRun(plane, name, { spec: place.spec ?? {} });
    const stored = await moveTo(plane, name, place);
    assert.equal(await rowOf(stored), expected(place.row));
    assert.is(parseRun(stored).status.reason, place.reason);
    const { argo } = await healthOf(stored);
    assert.ok(argo.message?.startsWith(`${place.reason}: `), argo.message);
    assert.ok((argo.message?.length ?? 0) > place.reason.length + 5, argo.message);
  });
}

test('no tool reports a run as done before a controller has seen it', async () => {
  const stored = await createRun(plane, freshName());
  assert.equal(await rowOf(stored), expected('not seen by the controller'));
});

test('no tool trusts the status of an earlier spec', async () => {
  const name = freshName();
  await createRun(plane, name);
  await moveTo(plane, name, succeeded);
  const changed = await plane.client.merge(`${runsPath}/${name}`, { spec: { ttlSecondsAfterFinished: 60 } });
  const { conditions: _, ...row } = await rowOf(changed);
  const { conditions: __, ...page } = expected('changed since the controller saw it');
  assert.equal(row, page);
});

for (const name of ['Succeeded', 'Failed with TargetFailed', 'Cancelled']) {
  test(`the tools report the same state when the time to live is changed after the end: ${name}`, async () => {
    const place = placeNamed(places, name);
    const run = freshName();
    await createRun(plane, run, { spec: place.spec ?? {} });
    const before = await rowOf(await moveTo(plane, run, place));
    await plane.client.merge(`${runsPath}/${run}`, { spec: { ttlSecondsAfterFinished: 3600 } });
    const after = await moveTo(plane, run, place);
    assert.equal(await rowOf(after), before);
    const { status, metadata } = parseRun(after);
    const generations = (status.conditions ?? []).map(({ observedGeneration }) => observedGeneration);
    assert.equal(new Set(generations), new Set([metadata.generation]));
  });
}

test('every tool reports a run that is being deleted as such', async () => {
  const name = freshName();
  await createRun(plane, name, { finalizers: ['example.org/held'] });
  await moveTo(plane, name, placeNamed(places, 'Running'));
  await plane.client.delete(`${runsPath}/${name}`);
  const stored = await plane.client.get(`${runsPath}/${name}`);
  assert.equal(await rowOf(stored), expected('being deleted while it runs'));
  await plane.client.merge(`${runsPath}/${name}`, { metadata: { finalizers: null } });
});

const offers = [
  ['Pending before its Job', ['cancel', 'suspend']],
  ['Running', ['cancel', 'suspend']],
  ['Suspended', ['cancel', 'resume']],
  ['Cancelling', []],
  ['Succeeded', []],
  ['Failed with TargetFailed', []],
  ['Cancelled', []],
] as const;

for (const [name, wanted] of offers) {
  test(`Argo CD offers for a run that is ${name}: ${wanted.join(', ') || 'nothing'}`, async () => {
    const place = placeNamed(places, name);
    const run = freshName();
    await createRun(plane, run, { spec: place.spec ?? {} });
    const { actions } = await healthOf(await moveTo(plane, run, place));
    assert.equal(Object.keys(actions).toSorted(), ['cancel', 'resume', 'suspend']);
    const enabled = Object.entries(actions).filter(([, { disabled }]) => !disabled);
    assert.equal(enabled.map(([action]) => action).toSorted(), [...wanted]);
  });
}

test('an action of Argo CD patches one field, and the API server accepts it for a run that has not ended', async () => {
  const run = freshName();
  await createRun(plane, run, { spec: { transforms: [{ name: 'p', progressPipe: {} }], docker: {} } });
  let stored = await moveTo(plane, run, placeNamed(places, 'Running'));
  for (const [action, patch] of [
    ['suspend', { spec: { suspend: true } }],
    ['resume', { spec: { suspend: false } }],
    ['cancel', { spec: { cancel: true } }],
  ] as const) {
    const { actions } = await healthOf(stored);
    assert.not(actions[action]?.disabled, action);
    assert.equal(actions[action]?.patch, patch);
    await plane.client.merge(`${runsPath}/${run}`, actions[action]?.patch);
    stored = await plane.client.get(`${runsPath}/${run}`);
  }
});

test.run();
