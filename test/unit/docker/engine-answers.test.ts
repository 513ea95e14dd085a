import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseEvent, parseState } from '../../../src/docker/container-state.ts';
import { imageQuery, PullProgress } from '../../../src/docker/pull/pull-image.ts';

const event = (action: string, attributes: object = {}) => ({
  Type: 'container',
  Action: action,
  Actor: { ID: 'abc', Attributes: attributes },
  timeNano: 1_795_345_900_744_339_012,
});

test('a die event carries the exit code and the time', () => {
  const parsed = parseEvent(event('die', { exitCode: '137' }), 'abc');
  assert.is(parsed?.action, 'die');
  assert.is(parsed?.exitCode, 137);
  assert.is(Math.floor(parsed?.at ?? 0), 1_795_345_900_744);
});

test('a die event without an exit code does not count as a success', () => {
  assert.is(parseEvent(event('die'), 'abc')?.exitCode, 255);
});

test('events of other containers, of other actions and of other shapes are ignored', () => {
  assert.is(parseEvent(event('die'), 'abcd'), undefined);
  assert.is(parseEvent(event('exec_start: sh'), 'abc'), undefined);
  for (const shape of [null, 1, 'die', [], {}, { Actor: null }, { Actor: { ID: 'abc' }, Action: 'die' }]) {
    assert.is(parseEvent(shape, 'abc'), undefined);
  }
});

test('the state of a container is parsed from an inspect', () => {
  const of = (state: object) => parseState({ State: state });
  assert.equal(of({ Status: 'created' }), { phase: 'created' });
  assert.equal(of({ Status: 'running' }), { phase: 'running' });
  assert.equal(of({ Status: 'paused' }), { phase: 'running' });
  const FinishedAt = '2026-11-22T11:21:33.289641Z';
  assert.equal(of({ Status: 'exited', ExitCode: 3, OOMKilled: true, FinishedAt, StartedAt: FinishedAt }), {
    phase: 'exited',
    exitCode: 3,
    oomKilled: true,
    at: Date.parse(FinishedAt),
  });
});

test('an exit code or a time that cannot be is none, so that the status can hold it', () => {
  for (const exitCode of ['-1', '256', '99999999999999999999', '1e3x', 'NaN'])
    assert.ok([1, 255].includes(parseEvent(event('die', { exitCode }), 'abc')?.exitCode ?? 0), exitCode);
  for (const timeNano of [-1, 1e308, 5e-324])
    assert.match(new Date(parseEvent({ ...event('die'), timeNano }, 'abc')?.at ?? NaN).toISOString(), /^20/);
  for (const ExitCode of [-1, 0.5, 1e308, '0', null]) {
    const state = parseState({
      State: { Status: 'exited', ExitCode, FinishedAt: '+275760-09-13T00:00:00Z' },
    });
    assert.is('exitCode' in state && state.exitCode, 255);
    assert.match(new Date('at' in state ? state.at : NaN).toISOString(), /^20/);
  }
});

test('the progress of a pull is a whole number of bytes, whatever the layers report', () => {
  const seen: (readonly [number, number, string])[] = [];
  const progress = new PullProgress((...report) => void seen.push(report));
  const line = { status: 'Downloading', id: 'a' };
  for (const [current, total] of [
    [1e308, 1e308],
    [-5, 0.5],
    [2 ** 53, -1],
  ])
    for (const id of ['a', 'b', 'c']) progress.observe({ ...line, id, progressDetail: { current, total } });
  for (let layer = 0; layer < 3_000; layer += 1)
    progress.observe({ status: 'Downloading', id: `l${layer}`, progressDetail: { current: 1, total: 2 } });
  progress.observe({ status: 'x'.repeat(1_000_000), id: 'y'.repeat(1_000_000) });
  for (const [current, total, message] of seen) {
    assert.ok(Number.isSafeInteger(current) && current >= 0 && current <= total, `${current} bytes`);
    assert.ok(Number.isSafeInteger(total), `${total} bytes`);
    assert.ok(message.length <= 500);
  }
});

test('a container that is being removed and never started did not exit with 0', () => {
  const state = { Status: 'removing', ExitCode: 0, StartedAt: '0001-01-01T00:00:00Z' };
  assert.equal(parseState({ State: state }), { phase: 'created' });
});

test('a pull always asks for one tag or digest', () => {
  assert.equal(imageQuery('busybox'), { fromImage: 'busybox', tag: 'latest' });
  assert.equal(imageQuery('lab/x:1.4'), { fromImage: 'lab/x', tag: '1.4' });
  assert.equal(imageQuery('localhost:5000/x'), { fromImage: 'localhost:5000/x', tag: 'latest' });
  assert.equal(imageQuery('r:5000/x:2@sha256:ab'), { fromImage: 'r:5000/x:2', tag: 'sha256:ab' });
});

test('the progress of a pull adds up its layers and ends complete', () => {
  const seen: [number, number, string][] = [];
  const progress = new PullProgress((...report) => void seen.push(report));
  const line = (id: string, status: string, current?: number, total?: number) =>
    progress.observe({ id, status, progressDetail: current === undefined ? {} : { current, total } });
  line('a', 'Pulling fs layer');
  line('a', 'Downloading', 10, 100);
  line('b', 'Downloading', 5, 50);
  line('a', 'Download complete');
  line('b', 'Downloading', 50, 50);
  line('b', 'Extracting', 1, 50);
  progress.observe({ status: 'Status: Downloaded newer image for x:1' });
  assert.equal(
    seen.map(([current, total]) => [current, total]),
    [
      [0, 0],
      [10, 100],
      [15, 150],
      [105, 150],
      [150, 150],
      [150, 150],
      [150, 150],
    ],
  );
});

test("an error line fails the pull with the engine's message", () => {
  const progress = new PullProgress(() => undefined);
  const line = { errorDetail: { message: 'unexpected EOF' }, error: 'unexpected EOF' };
  assert.throws(() => progress.observe(line), /^unexpected EOF$/);
});

test.run();
