import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import type { Receipt } from '../../../../src/api/set/receipt.ts';
import { suite } from '../../../fixtures/suite.ts';
import { until } from '../../../fixtures/until.ts';
import { FaultProxy } from '../../../fixtures/fault-proxy.ts';
import { girderEnvironment } from '../../girder/real-girder.ts';
import { ChunkLab } from './chunk-lab.ts';

const test = suite<{ lab: ChunkLab }>('the inputs of a chunk');

test.before.each(async (context) => {
  context.lab = await ChunkLab.open();
});

test.after.each(async ({ lab }) => {
  await lab[Symbol.asyncDispose]();
});

const targetMs = 8_000;

/** For the other requests of a download. */
const requestsMs = 1_000;

const shell = (script: string, ...args: string[]) => ({ command: ['sh', '-c', script, 'sh'], args });

/** A target that ends when the test says so. */
const untilOver = shell(
  'cp "$1" "$2/copy"; while [ ! -e /tmp/over ]; do sleep 0.2; done',
  '$(item)',
  '$(result)',
);

/** Ends the target that runs, and the one that follows it. */
async function endBoth(lab: ChunkLab, uid: string): Promise<void> {
  await lab.endTargets(uid);
  await until('a second target', () => lab.targets.attemptsOf(uid).length, {
    holds: (count) => count === 2,
    withinMs: 60_000,
  });
  await lab.endTargets(uid);
}
const upper = shell(
  'tr a-z A-Z < "$1" > "$2/upper.txt"; echo "did $3"; cat "$1" >&2',
  '$(item)',
  '$(result)',
  '$(item.name)',
);

/** What a receipt says that is the same each time. */
function factsOf(receipt: Receipt | undefined): Record<string, unknown> | undefined {
  if (receipt === undefined) return undefined;
  const { set, run, runUid, attempts, image, state, exitCode, reason } = receipt;
  return { set, run, runUid, attempts, image, state, exitCode, reason };
}

test('an input that fails ends alone, and all others have results, logs and receipts', async ({ lab }) => {
  const items = await lab.inputs({ a: 'one', b: 'two', c: 'fail', d: 'four', e: 'five' });
  const script =
    'if grep -q fail "$1"; then echo "no way" >&2; exit 3; fi; tr a-z A-Z < "$1" > "$2/upper.txt"; echo "did $3"';
  const spec = shell(script, '$(item)', '$(result)', '$(item.name)');
  const end = await lab.run({ items, spec });
  assert.is(end.states, 'ssfss', end.message);
  assert.is(end.reason, 'ItemsFailed');
  assert.match(end.message, '1 of 5 inputs failed (TargetFailed 1); the first is c: ');
  assert.equal(await lab.filesOf('a'), { 'upper.txt': 'ONE', 'log.txt': 'did a\n' });
  assert.equal(await lab.filesOf('c'), { 'log.txt': 'no way\n' });
  const common = {
    set: 'lab/nuclei',
    run: 'lab/nuclei-0',
    runUid: end.uid,
    attempts: 1,
    image: 'busybox:local',
  };
  const receipt = await lab.receiptOf('e');
  assert.equal(factsOf(receipt), { ...common, state: 'Succeeded', exitCode: 0, reason: undefined });
  assert.equal(
    receipt?.input.files.map(({ name, size }) => [name, size]),
    [['e', 4]],
  );
  assert.is(receipt?.outputs?.length, 2);
  const failed = await lab.receiptOf('c');
  assert.equal(factsOf(failed), { ...common, state: 'Failed', exitCode: 3, reason: 'TargetFailed' });
  const { atOnce, attempts } = await lab.targets.allOf(end.uid, { least: 5 });
  assert.is(atOnce, 1);
  assert.is(attempts.length, 5);
  assert.equal(lab.left(), []);
  const { items: shown, resultCount } = end.report.snapshot();
  assert.is(resultCount, 8);
  assert.equal(
    shown?.failures?.map(({ reason, items: failedItems }) => [reason, failedItems]),
    [['TargetFailed', [2]]],
  );
});

test('the log of the pod has the outputs in order, each after a line with the name of its input', async ({
  lab,
}) => {
  const items = await lab.inputs({ 'a.svs': 'one', 'b.svs': 'two' });
  const { stdout, stderr, states } = await lab.run({ items, spec: upper });
  assert.is(states, 'ss');
  assert.is(stdout, 'did a.svs\ndid b.svs\n');
  assert.is(stderr, '--- a.svs (1 of 2)\none--- b.svs (2 of 2)\ntwo');
});

test('what names no input is downloaded once, and targets can only read it', async ({ lab }) => {
  const weights = await lab.scratch.item('weights', [['weights', 'W']]);
  const items = await lab.inputs({ a: '1', b: '2', c: '3' });
  await using proxy = await FaultProxy.start(girderEnvironment().apiUrl);
  const script = 'cat "$1" "$2" > "$3/both"; ! touch "$(dirname "$2")/x"; ls /mnt/girder_worker/temporary';
  const spec = {
    ...shell(script, '$(item)', '$(weights)', '$(result)'),
    transforms: [{ name: 'weights', girderItemIdToVolume: { itemId: weights } }],
  };
  const end = await lab.run({ items, spec, apiUrl: proxy.url });
  assert.is(end.states, 'sss', end.message);
  assert.is(proxy.requests('GET', `/item/${weights}/files`).length, 1);
  assert.is((await lab.filesOf('b'))['both'], '2W');
  const others = end.stdout.trim().split('\n');
  assert.equal(
    others,
    items.map(({ id }) => id),
    'each target sees only its own input',
  );
});

test('the next input is downloaded, and the last result uploaded, while a target runs', async ({ lab }) => {
  const items = await lab.inputs({ a: '1', b: '2', c: '3' });
  const [, second, third] = items;
  await using proxy = await FaultProxy.start(girderEnvironment().apiUrl);
  const uid = randomUUID();
  // The upload of the first result waits until the second target has started.
  const secondStarted = until('a second target', () => lab.targets.attemptsOf(uid).length, {
    holds: (count) => count > 1,
    withinMs: 60_000,
  });
  proxy.fail('POST', '/file?', { first: () => secondStarted });
  const running = lab.run({ items, spec: untilOver, uid, apiUrl: proxy.url });
  // Each target runs until it is ended: what is asked for before that is asked for while it runs.
  for (const [turn, next] of [second, third, undefined].entries()) {
    await until(`target ${turn + 1}`, () => lab.targets.attemptsOf(uid).length, {
      holds: (count) => count > turn,
      withinMs: 60_000,
    });
    const asked = () => next === undefined || proxy.requests('GET', `/item/${next.id}/files`).length > 0;
    await until('the next input is asked for', asked, { withinMs: 60_000 });
    await lab.endTargets(uid);
  }
  const end = await running;
  assert.is(end.states, 'sss', end.message);
});

/** How often each route of Girder's items and files was asked for; `:id` stands for an id. */
function routesOf({ seen }: FaultProxy): Record<string, number> {
  const routes = seen.map(({ method, url }) => {
    const path = new URL(url, 'http://girder').pathname.replace(/^.*?\/(?=(?:item|file|folder)\b)/, '');
    return `${method} ${path.replace(/[0-9a-f]{24}/, ':id')}`;
  });
  const counts = Map.groupBy(
    routes.filter((route) => /^[A-Z]+ (?:item|file)\b/.test(route)),
    (route) => route,
  );
  return Object.fromEntries([...counts].map(([route, all]) => [route, all.length]));
}

test('an input costs seven requests to Girder', async ({ lab }) => {
  const items = await lab.inputs({ a: '1', b: '2', c: '3' });
  await using proxy = await FaultProxy.start(girderEnvironment().apiUrl);
  const end = await lab.run({ items, spec: upper, apiUrl: proxy.url });
  assert.is(end.states, 'sss', end.message);
  assert.equal(routesOf(proxy), {
    'GET item': 3,
    'GET item/:id/files': 3,
    'GET file/:id/download': 3,
    'POST item': 3,
    // The result and the log.
    'POST file': 6,
    'PUT item/:id': 3,
  });
});

test('the container of the next input is created while a target runs, and starts when that has ended', async ({
  lab,
}) => {
  const items = await lab.inputs({ a: '1', b: '2' });
  const uid = randomUUID();
  const running = lab.run({ items, spec: untilOver, uid });
  await until('a container that waits beside a target', () => lab.createdOf(uid), {
    holds: (ids) => ids.length === 1 && lab.targets.attemptsOf(uid).length === 1,
    withinMs: 60_000,
  });
  await endBoth(lab, uid);
  assert.is((await running).states, 'ss');
  assert.is((await lab.targets.allOf(uid, { least: 2 })).atOnce, 1);
});

test('a container that is removed while it waits for its turn is created again', async ({ lab }) => {
  const items = await lab.inputs({ a: '1', b: '2' });
  const uid = randomUUID();
  const running = lab.run({ items, spec: untilOver, uid });
  const waiting = await until('a container that waits', () => lab.createdOf(uid), {
    holds: (ids) => ids.length === 1 && lab.targets.attemptsOf(uid).length === 1,
    withinMs: 60_000,
  });
  await lab.engine.docker.getContainer(waiting[0] ?? '').remove();
  await until('another container', () => lab.createdOf(uid), {
    holds: ([id]) => id !== undefined && id !== waiting[0],
    withinMs: 60_000,
  });
  await endBoth(lab, uid);
  assert.is((await running).states, 'ss');
});

test('a second run starts no target for inputs that have not changed', async ({ lab }) => {
  const items = await lab.inputs({ a: 'one', b: 'two' });
  assert.is((await lab.run({ items, spec: upper })).states, 'ss');
  const before = await lab.receiptOf('a');
  const again = await lab.run({ items, spec: upper });
  assert.is(again.states, 'kk', again.message);
  assert.is(again.reason, undefined);
  assert.equal(await lab.receiptOf('a'), before);
  const last = await lab.targets.allOf(again.uid, { least: 0 });
  assert.is(last.attempts.length, 0);
});

test('a file that was replaced by one of the same size is processed again', async ({ lab }) => {
  const items = await lab.inputs({ a: 'one', b: 'two' });
  assert.is((await lab.run({ items, spec: upper })).states, 'ss');
  await lab.replace(items[0]?.id ?? '', 'a', 'six');
  const again = await lab.run({ items, spec: upper });
  assert.is(again.states, 'sk', again.message);
  assert.is((await lab.filesOf('a'))['upper.txt'], 'SIX');
});

test('the target is idle for a small share of the time when downloads take no longer than targets', async ({
  lab,
}) => {
  const names = Array.from({ length: 4 }, (_, index) => `case-${index}`);
  const items = await lab.inputs(Object.fromEntries(names.map((name) => [name, name])));
  await using proxy = await FaultProxy.start(girderEnvironment().apiUrl);
  // Each download takes about as long as a target.
  for (const { id } of items)
    proxy.fail('GET', `/item/${id}/files?limit=1000`, { first: () => sleep(targetMs - requestsMs) });
  const spec = shell(`cp "$1" "$2/copy"; sleep ${targetMs / 1000}`, '$(item)', '$(result)');
  const end = await lab.run({ items, spec, apiUrl: proxy.url });
  assert.is(end.states, 'ssss', end.message);
  const { idleMs } = await lab.targets.allOf(end.uid, { least: names.length });
  const idle = idleMs.reduce((sum, gap) => sum + gap, 0) / idleMs.length;
  console.log(
    `idle between two targets: ${idle.toFixed(0)} ms, ${((100 * idle) / (idle + targetMs)).toFixed(1)} % of targets of ${targetMs} ms`,
  );
  // One after the other, download and target would each take half of the time.
  assert.ok(idle < targetMs / 2, idleMs.join(', '));
});

test.run();
