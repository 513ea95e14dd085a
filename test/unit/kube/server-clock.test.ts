import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ServerClock } from '../../../src/kube/connection.ts';

const hourMs = 3_600_000;
/** What the server says at this offset from our own clock; a Date has whole seconds. */
const dateAt = (at: number, offsetMs: number) =>
  new Date(performance.timeOrigin + at + offsetMs).toUTCString();
const errorOf = (clock: ServerClock, at: number, offsetMs: number) =>
  Math.abs(clock.now(at).getTime() - (performance.timeOrigin + at + offsetMs));

for (const [what, offsetMs] of [
  ['an hour behind', -hourMs],
  ['an hour ahead', hourMs],
  ['right', 0],
] as const) {
  test(`the time is that of the server, to a second, when the server is ${what}`, () => {
    const clock = new ServerClock();
    clock.observe(dateAt(1_000, offsetMs), 990, 1_010);
    assert.ok(errorOf(clock, 1_000, offsetMs) <= 1_020);
    assert.ok(errorOf(clock, 90_000, offsetMs) <= 1_020, 'it advances between answers');
  });
}

test('more answers make the time more exact, and it does not jump with each of them', () => {
  const clock = new ServerClock();
  for (let at = 0; at < 10_000; at += 130) clock.observe(dateAt(at, hourMs), at - 5, at + 5);
  assert.ok(errorOf(clock, 10_000, hourMs) <= 150, `${errorOf(clock, 10_000, hourMs)} ms`);
});

test('an answer that took long, or has no Date, changes little or nothing', () => {
  const clock = new ServerClock();
  clock.observe(dateAt(0, hourMs), -5, 5);
  const before = clock.now(0).getTime();
  for (const date of [undefined, '', 'soon']) clock.observe(date, 0, 10);
  clock.observe(dateAt(0, hourMs), -10_000, 20_000);
  assert.is(clock.now(0).getTime(), before);
});

test.run();
