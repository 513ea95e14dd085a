import * as assert from 'uvu/assert';
import { until } from '../../fixtures/until.ts';
import { concurrentTest } from '../support/concurrent-tests.ts';
import { containersOf, releaseContainer, untilReleased } from '../support/runs.ts';
import { type SetLab, SetLabs, type StoredSet, upperCase } from './set-lab.ts';

const test = concurrentTest();
const labs = new SetLabs();

test.after(() => labs.close());

const held = { ...upperCase, command: ['sh', '-c', `${untilReleased}; ${upperCase.command[2]}`] };

/** Releases the targets of a set that wait now, and reads the set. */
async function release(lab: SetLab, name: string): Promise<StoredSet> {
  for (const { metadata } of await lab.chunks(name))
    for (const id of await containersOf(metadata.uid)) await releaseContainer(id);
  return lab.get(name);
}

/** Waits until a set is complete, whose targets wait until they are released. */
async function completes(lab: SetLab, name: string): Promise<void> {
  await until(`${name} is complete`, () => release(lab, name), {
    holds: ({ status }) => status.phase === 'Complete',
    withinMs: 400_000,
    everyMs: 500,
  });
}

test('a dry run starts nothing, and its report says what would run and why', async () => {
  const lab = await labs.open('set-dry', 4);
  await lab.apply('dry', { dryRun: true });
  const { status } = await lab.inPhase('dry', 'Complete');
  assert.equal(status.why, { ...status.why, new: 4 });
  assert.is((await lab.resultItems()).size, 0);
  const report = await lab.textOf(status.report?.itemId ?? '', status.report?.name ?? '');
  assert.is(report.match(/,new,/g)?.length, 4);
  await lab.patch('dry', { dryRun: false });
  await lab.until('dry', 'has run', (set) => set.status.phase === 'Complete' && set.status.items?.done === 4);
  assert.is((await lab.resultItems()).size, 4);
});

test('a suspended set starts nothing more, and a resumed one does the rest', async () => {
  const lab = await labs.open('set-suspend', 8);
  await lab.apply('paused', { template: { spec: held }, chunk: { items: 1 }, parallelism: 2 });
  await lab.until('paused', 'has live chunks', ({ status }) => (status.live?.chunks ?? 0) > 0);
  await lab.patch('paused', { suspend: true });
  await lab.until('paused', 'is suspended', ({ metadata, status }) => {
    return status.observedGeneration === metadata.generation;
  });
  const chunksLeft = () => release(lab, 'paused').then(() => lab.chunks('paused'));
  await until('no chunk is live', chunksLeft, {
    holds: (chunks) => chunks.every(({ status }) => /Succeeded|Failed/.test(status?.phase ?? '')),
    withinMs: 180_000,
    everyMs: 500,
  });
  const done = (await lab.resultItems()).size;
  assert.ok(done < 8, `${done} results`);
  await lab.until('paused', 'shows that no chunk is live', ({ status }) => status.live?.chunks === 0);
  await lab.patch('paused', { suspend: false });
  await completes(lab, 'paused');
  assert.is((await lab.resultItems()).size, 8);
});

test('a cancelled set stops what runs, and writes no more results', async () => {
  const lab = await labs.open('set-cancel', 6);
  await lab.apply('cancelled', {
    template: {
      spec: { ...upperCase, command: ['sh', '-c', 'sleep 300'], terminationGracePeriodSeconds: 0 },
    },
  });
  await lab.until('cancelled', 'has live chunks', ({ status }) => (status.live?.chunks ?? 0) > 0);
  await lab.patch('cancelled', { cancel: true });
  await lab.inPhase('cancelled', 'Cancelled');
  await until('no chunk is live', () => lab.chunks('cancelled'), {
    holds: (chunks) => chunks.every(({ status }) => /Succeeded|Failed|Cancelled/.test(status?.phase ?? '')),
    withinMs: 90_000,
    everyMs: 500,
  });
  assert.is((await lab.resultItems()).size, 0);
});

test('the results stay when their set is deleted, and another set of its name finds them done', async () => {
  const lab = await labs.open('set-delete', 4);
  await lab.apply('deleted');
  await lab.inPhase('deleted', 'Complete');
  await lab.lab.kubectl('delete', 'drset', 'deleted', '--timeout=60s');
  const before = await lab.resultItems();
  assert.is(before.size, 4);
  await lab.apply('deleted');
  const { status } = await lab.inPhase('deleted', 'Complete');
  assert.equal([status.items?.done, status.pass?.number], [4, 1]);
  assert.equal(await lab.resultItems(), before);
});

test('a second set is refused the results folder of another', async () => {
  const lab = await labs.open('set-owner', 2);
  await lab.apply('first');
  await lab.inPhase('first', 'Complete');
  await lab.apply('second');
  const set = await lab.until('second', 'is stalled', ({ status }) => {
    return status.conditions?.some(({ type, status: is }) => type === 'Stalled' && is === 'True') === true;
  });
  assert.match(set.status.message ?? '', /first/);
});

test('a quota bounds the pods of a set, and the set does all of its inputs', async () => {
  const lab = await labs.open('set-quota', 4);
  await lab.lab.kubectl('create', 'quota', 'pods', '--hard=count/jobs.batch=2');
  await lab.apply('bounded', { chunk: { items: 1 }, parallelism: 4 });
  await lab.inPhase('bounded', 'Complete');
  assert.is((await lab.resultItems()).size, 4);
});

test('a queue that suspends the Jobs of a set holds its chunks, and the set does all when it lets them start', async () => {
  const lab = await labs.open('set-queue', 3);
  const queue = { 'kueue.x-k8s.io/queue-name': 'lab' };
  const manifest = lab.manifest('queued', {
    template: { spec: { ...held, terminationGracePeriodSeconds: 1 } },
    ...{ chunk: { items: 1 }, parallelism: 2 },
  });
  await lab.lab.apply({ ...manifest, metadata: { name: 'queued', labels: queue } });
  const jobs = async () =>
    (await lab.lab.kubectl('get', 'jobs', '-l', 'kueue.x-k8s.io/queue-name=lab', '-o', 'name'))
      .split('\n')
      .filter(Boolean);
  const suspend = async (value: boolean) => {
    const patch = JSON.stringify({ spec: { suspend: value } });
    for (const job of await jobs()) await lab.lab.kubectl('patch', job, '--type=merge', '-p', patch);
  };
  await until('the planner has a Job', jobs, { holds: ({ length }) => length === 1, withinMs: 90_000 });
  await suspend(true);
  await lab.until('queued', 'waits for the queue', ({ status }) => /Kueue/.test(status.message ?? ''));
  await suspend(false);
  await until('two chunks have Jobs', jobs, { holds: ({ length }) => length === 3, withinMs: 90_000 });
  await suspend(true);
  await until('two chunks are held', () => lab.chunks('queued'), {
    holds: (chunks) => chunks.filter(({ status }) => status?.reason === 'Queued').length === 2,
    withinMs: 90_000,
    everyMs: 500,
  });
  await lab.until('queued', 'shows both chunks', ({ status }) => status.live?.chunks === 2);
  assert.is((await lab.resultItems()).size, 0);
  await suspend(false);
  await completes(lab, 'queued');
  assert.is((await lab.resultItems()).size, 3);
});

test('an invalid template is refused with the sentence of a run', async () => {
  const lab = await labs.open('set-invalid', 0);
  const refusal = await lab.lab.refusalOf(
    lab.manifest('invalid', { template: { spec: { ...upperCase, args: ['$(nothing)'] } } }),
  );
  assert.match(refusal, /spec\.template\.spec\.args\[0\]: \$\(nothing\) is not a volume or transform/);
});

test.run();
