import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { filesDigestOf, recipeOf } from '../../../src/api/set/recipe.ts';
import { until } from '../../fixtures/until.ts';
import { ask } from '../girder/real-girder.ts';
import { fillFolder } from './filled-folder.ts';
import { PlannedSet } from './planned-set.ts';
import { bundledPlanner, RunningPlanner } from './running-planner.ts';

/** The planner as a process: its window, its memory, its end, and what remains when it is killed. */

const mib = 1024 * 1024;

test('a killed planner leaves nothing that the next one misses, and no item runs twice', async () => {
  await using set = await PlannedSet.make();
  const names = Array.from({ length: 12 }, (_, index) => `in-${String(index).padStart(2, '0')}`);
  for (const name of names) await set.scratch.item(name, [['f', name]], set.sourceId);
  const plan = set.plan();
  {
    await using first = await RunningPlanner.start(plan, set.scratch.directory);
    const report = await until('the walk is over', () => first.ask(0), {
      holds: (seen) => seen?.state === 'Draining',
      withinMs: 120_000,
    });
    assert.is(report?.items.length, 12);
    await set.work((report?.items ?? []).slice(0, 5));
    await first.process.kill();
  }
  await using second = await RunningPlanner.start(plan, set.scratch.directory);
  const end = await second.toEnd(120_000);
  assert.equal(
    second.offered.map(({ seq, item }) => [seq, item.name]),
    names.slice(5).map((name, index) => [index + 1, name]),
  );
  assert.equal([end.state, end.counts.done, end.counts.todo], ['Done', 5, 7]);
  second.process.signal('SIGTERM');
  await second.process.ended();
  assert.is(second.process.exitCode, 0);
});

test('a planner whose Girder is away reports what it waits for, and the address', async () => {
  await using set = await PlannedSet.make();
  const { spec, ...plan } = set.plan();
  const away = {
    ...plan,
    spec: { ...spec, girder: { ...spec.girder, apiUrl: 'http://127.0.0.1:9/api/v1' } },
  };
  await using planner = await RunningPlanner.start(away, set.scratch.directory);
  const report = await until('the planner waits', () => planner.ask(0), {
    holds: (seen) => seen?.waits !== undefined,
    withinMs: 120_000,
  });
  assert.is(report?.state, 'Listing');
  assert.match(report?.waits ?? '', /^Waiting for Girder.* \(tried \d+ times\): .*127\.0\.0\.1:9/);
});

test('the walk pauses while 200 inputs are not acknowledged', async () => {
  await using set = await PlannedSet.make();
  await using _ = await fillFolder(set, { count: 1_000 });
  await using planner = await RunningPlanner.start(set.plan(), set.scratch.directory);
  const full = await until('the window is full', () => planner.ask(0), {
    holds: (report) => report?.items.length === 200 && report.counts.todo === 201,
    withinMs: 120_000,
  });
  assert.equal([full?.state, full?.counts.todo], ['Listing', 201]);
  const next = await until('the walk continues', () => planner.ask(150), {
    holds: (report) => report?.items.at(-1)?.seq === 350,
    withinMs: 120_000,
  });
  assert.is(next?.items[0]?.seq, 151);
  const end = await planner.toEnd(120_000);
  assert.equal([end.state, planner.offered.at(-1)?.seq], ['Done', 1_000]);
});

test('10,000 unchanged items in one folder take less than 96 MiB of memory, and 10 requests for 1,000 of them', async () => {
  await using set = await PlannedSet.make();
  const plan = set.plan();
  const recipe = recipeOf({ template: plan.spec.template.spec, values: {} });
  const receipt = {
    set: 'pathology/nuclei',
    input: { id: '', name: '', files: [], filesDigest: filesDigestOf([]) },
    recipe,
    digest: '0'.repeat(64),
    state: 'Succeeded',
    attempts: 1,
    image: 'busybox:1.36',
    run: 'pathology/chunk',
    finishedAt: '2026-01-01T00:00:00Z',
  };
  const count = 10_000;
  await using _ = await fillFolder(set, { count, receipt });
  const before = set.proxy.seen.length;
  const program = await bundledPlanner(set.scratch.directory);
  await using planner = await RunningPlanner.start(plan, set.scratch.directory, program);
  const end = await planner.toEnd(300_000);
  assert.equal(
    [end.state, end.message, end.counts.listed, end.counts.done],
    ['Done', undefined, count, count],
  );
  const requests = set.proxy.seen.length - before;
  assert.ok(requests <= (count / 1_000) * 10, `${requests} requests`);
  const { peakMemory } = planner;
  assert.ok(peakMemory < 96 * mib, `${(peakMemory / mib).toFixed(0)} MiB`);
});

test('requests that Girder fails are repeated and counted, and a Girder that stays away ends the pass with a sentence', async () => {
  await using set = await PlannedSet.make();
  await set.scratch.item('a', [['f', 'x']], set.sourceId);
  for (let time = 0; time < 2; time += 1)
    set.proxy.fail('GET', '/item?', { status: 503, headers: { 'retry-after': '0' } });
  await using first = await RunningPlanner.start(set.plan(), set.scratch.directory);
  const end = await first.toEnd(120_000);
  assert.equal([end.state, end.troubles, end.counts.todo], ['Done', 2, 1]);
  for (let time = 0; time < 200; time += 1) set.proxy.fail('GET', '/folder?', { status: 503 });
  await using second = await RunningPlanner.start(set.plan(), set.scratch.directory);
  const failed = await second.toEnd(120_000);
  assert.equal([failed.state, failed.reason], ['Failed', 'GirderUnavailable']);
  assert.match(failed.message ?? '', /requests to Girder .* failed \d+ times.*503.*Check girder\.apiUrl/i);
  assert.ok(failed.troubles > 2);
  assert.match(String((await set.notice())['message']), /503/);
});

test('only requests with the uid of the pod are answered', async () => {
  await using set = await PlannedSet.make();
  await using planner = await RunningPlanner.start(set.plan(), set.scratch.directory);
  await until('the planner answers', () => planner.ask(0), {
    holds: (report) => report !== undefined,
    withinMs: 120_000,
  });
  const statusOf = async (url: string, method = 'GET') =>
    (await fetch(url, { method, signal: AbortSignal.timeout(5_000) })).status;
  assert.is(await statusOf(planner.url.replace(/[^/]+$/, 'other?after=5&done=1')), 404);
  assert.is(await statusOf(planner.url, 'POST'), 405);
  assert.is((await planner.toEnd(120_000)).state, 'Done');
  assert.is(
    ((await ask(set.scratch.admin, 'GET', ['item'], { folderId: set.resultsId })) as unknown[]).length,
    1,
  );
});

test.run();
