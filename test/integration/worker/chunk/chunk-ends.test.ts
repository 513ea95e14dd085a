import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import * as assert from 'uvu/assert';
import { suite } from '../../../fixtures/suite.ts';
import { until } from '../../../fixtures/until.ts';
import { FaultProxy } from '../../../fixtures/fault-proxy.ts';
import { girderEnvironment } from '../../girder/real-girder.ts';
import { ChunkLab } from './chunk-lab.ts';

const test = suite<{ lab: ChunkLab }>('the end of a chunk');

test.before.each(async (context) => {
  context.lab = await ChunkLab.open();
});

test.after.each(async ({ lab }) => {
  await lab[Symbol.asyncDispose]();
});

const shell = (script: string, ...args: string[]) => ({ command: ['sh', '-c', script, 'sh'], args });
const slow = shell('cp "$1" "$2/copy"; grep -q slow "$1" && sleep 30; true', '$(item)', '$(result)');

test('a cancel stops all stages, and only inputs that are done have a receipt', async ({ lab }) => {
  const items = await lab.inputs({ a: 'quick', b: 'slow', c: 'quick' });
  const stop = new AbortController();
  const uid = randomUUID();
  const running = lab.run({ items, spec: slow, uid, signal: stop.signal });
  await until('the first receipt', () => lab.receiptOf('a'), {
    holds: (receipt) => receipt !== undefined,
    withinMs: 60_000,
  });
  stop.abort(new Error('stopped'));
  const end = await running;
  assert.is(end.states, 'sww', end.message);
  assert.is(await lab.receiptOf('b'), undefined);
  assert.is(await lab.resultOf('c'), undefined);
  assert.is(await lab.containersOf(uid), 0);
  assert.equal(lab.left(), []);
});

test('an input whose receipt is on its way when the run is stopped is done', async ({ lab }) => {
  const items = await lab.inputs({ a: 'quick', b: 'slow' });
  const stop = new AbortController();
  await using proxy = await FaultProxy.start(girderEnvironment().apiUrl);
  const first = async () => stop.abort(new Error('stopped'));
  proxy.fail('PUT', '/item/', { first });
  const end = await lab.run({ items, spec: slow, signal: stop.signal, apiUrl: proxy.url });
  assert.is(end.states, 'sw', end.message);
  assert.is((await lab.receiptOf('a'))?.state, 'Succeeded');
});

test('after a SIGKILL of the worker, the next attempt does exactly the rest', async ({ lab }) => {
  const items = await lab.inputs({ a: 'quick', b: 'fail', c: 'slow once', d: 'quick' });
  const held = 'while [ ! -e /tmp/over ]; do sleep 0.2; done';
  const script = `cp "$1" "$2/copy"; grep -q fail "$1" && exit 7; if grep -q slow "$1"; then ${held}; fi; true`;
  const uid = randomUUID();
  const given = { items, spec: shell(script, '$(item)', '$(result)'), uid };
  const attempt = randomUUID();
  const environment = lab.environment(given, attempt);
  const work = JSON.stringify({ directory: lab.directory(attempt), spec: environment.spec, uid, attempt });
  const path = new URL('chunk-process.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [path], { stdio: ['pipe', 'inherit', 'inherit'] });
  child.stdin.end(work);
  await until('a receipt of the failed input', () => lab.receiptOf('b'), {
    holds: (receipt) => receipt !== undefined,
    withinMs: 60_000,
  });
  await lab.targets.running(uid);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.is(lab.targets.attemptsOf(uid).length, 3);
  const again = lab.run(given);
  await until('the target of c again', () => lab.targets.attemptsOf(uid).length, {
    holds: (count) => count === 4,
    withinMs: 60_000,
  });
  await lab.endTargets(uid);
  const end = await again;
  assert.is(end.states, 'kfss', end.message);
  assert.is(lab.targets.attemptsOf(uid).length, 5, 'two targets more');
  const { atOnce } = await lab.targets.allOf(uid, { least: 5 });
  assert.is(atOnce, 1);
  assert.is((await lab.receiptOf('b'))?.attempts, 1);
  assert.is((await lab.receiptOf('c'))?.state, 'Succeeded');
});

test('an image that does not exist ends the run, and no input', async ({ lab }) => {
  const items = await lab.inputs({ a: '1', b: '2' });
  const end = await lab.run({ items, spec: { ...slow, image: 'busybox:nosuch' } });
  assert.is(end.reason, 'ImageNotFound');
  assert.is(end.states, 'ww');
  assert.is(await lab.resultOf('a'), undefined);
});

test('an input that is gone ends alone, and the others run', async ({ lab }) => {
  const [first, last] = await lab.inputs({ a: '1', b: '2' });
  assert.ok(first && last);
  const gone = lab.entry('0'.repeat(24), 'gone');
  const end = await lab.run({ items: [first, gone, last], spec: slow });
  assert.is(end.states, 'sfs', end.message);
  assert.is((await lab.receiptOf('gone'))?.reason, 'GirderNotFound');
});

test('credentials that Girder no longer accepts end the run, and the inputs that are done stay done', async ({
  lab,
}) => {
  const items = await lab.inputs({ a: '1', b: '2', c: '3' });
  await using proxy = await FaultProxy.start(girderEnvironment().apiUrl);
  const unauthorized = { status: 401, body: '{"message":"You must be logged in.","type":"access"}' };
  const isOfThird = `/item/${items[2]?.id}/files`;
  for (let time = 0; time < 4; time += 1) proxy.fail('GET', isOfThird, unauthorized);
  const end = await lab.run({ items, spec: slow, apiUrl: proxy.url });
  assert.is(end.states, 'ssw', end.message);
  assert.is(end.reason, 'GirderUnauthorized');
  assert.is((await lab.receiptOf('b'))?.state, 'Succeeded');
  assert.is(await lab.resultOf('c'), undefined);
});

test('a target that runs too long ends alone', async ({ lab }) => {
  const items = await lab.inputs({ a: 'slow', b: 'quick' });
  const end = await lab.run({
    items,
    spec: { ...slow, activeDeadlineSeconds: 10, terminationGracePeriodSeconds: 0 },
  });
  assert.is(end.states, 'fs', end.message);
  assert.is((await lab.receiptOf('a'))?.reason, 'ActiveDeadlineExceeded');
});

test.run();
