import { mock } from 'node:test';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { StalledError, Watchdog } from '../../../src/support/watchdog.ts';

const test = suite('watchdog');

test.before.each(() => mock.timers.enable({ apis: ['setTimeout'] }));
test.after.each(() => mock.timers.reset());

test('it aborts after its time without a touch, and the reason says what was expected', () => {
  using watchdog = new Watchdog(1_500, 'byte of the answer');
  mock.timers.tick(1_499);
  assert.not.ok(watchdog.signal.aborted);
  mock.timers.tick(1);
  const reason: unknown = watchdog.signal.reason;
  assert.ok(reason instanceof StalledError);
  assert.is(reason.message, 'no byte of the answer for 1.5 s');
});

test('a pause lasts until the next touch', () => {
  using watchdog = new Watchdog(1_000, 'byte');
  watchdog.pause();
  mock.timers.tick(60_000);
  assert.not.ok(watchdog.signal.aborted);
  watchdog.touch();
  mock.timers.tick(1_000);
  assert.ok(watchdog.signal.aborted);
});

test('expect sets another time and another name', () => {
  using watchdog = new Watchdog(1_000, 'byte');
  watchdog.expect(5_000, 'answer');
  mock.timers.tick(4_999);
  assert.not.ok(watchdog.signal.aborted);
  mock.timers.tick(1);
  assert.match(String(watchdog.signal.reason), /no answer for 5 s/);
});

test('it aborts with its parent, even if that has aborted before', () => {
  const parent = new AbortController();
  using watchdog = new Watchdog(1_000, 'byte', parent.signal);
  const reason = new Error('stop');
  parent.abort(reason);
  assert.is(watchdog.signal.reason, reason);
  using late = new Watchdog(1_000, 'byte', parent.signal);
  assert.is(late.signal.reason, reason);
});

test('a stopped watchdog never aborts', () => {
  const parent = new AbortController();
  const watchdog = new Watchdog(1_000, 'byte', parent.signal);
  watchdog.stop();
  parent.abort();
  mock.timers.tick(60_000);
  assert.not.ok(watchdog.signal.aborted);
});

test.run();
