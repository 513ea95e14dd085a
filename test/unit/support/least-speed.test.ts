import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LeastSpeed } from '../../../src/support/least-speed.ts';

/** A transfer that needs 1000 bytes in each second, and its clock in milliseconds. */
function aTransfer() {
  const clock = { now: 0 };
  return { clock, speed: new LeastSpeed({ bytes: 1000, windowMs: 1000 }, () => clock.now) };
}

test('a byte now and then does not keep a transfer alive', () => {
  const { clock, speed } = aTransfer();
  const trickle = () => {
    for (; clock.now < 10_000; clock.now += 50) speed.moved(1);
  };
  assert.throws(trickle, /only 21 bytes moved in 1 s, and 1000 bytes per second are the least/);
  assert.is(clock.now, 1000);
});

test('a transfer that is fast enough on average never fails', () => {
  const { clock, speed } = aTransfer();
  for (; clock.now < 60_000; clock.now += 500) speed.moved(600);
});

test('a burst does not pay for the slow windows that follow it', () => {
  const { clock, speed } = aTransfer();
  speed.moved(1_000_000);
  clock.now = 1000;
  speed.moved(1);
  clock.now = 2000;
  assert.throws(() => speed.moved(1), /only 1 bytes/);
});

test('a pause does not count', () => {
  const { clock, speed } = aTransfer();
  speed.pause();
  clock.now = 100_000;
  speed.pause();
  speed.moved(1);
  clock.now = 100_500;
  speed.moved(600);
});

test('a short transfer may be as slow as it likes', () => {
  const { clock, speed } = aTransfer();
  clock.now = 999;
  speed.moved(1);
});

test.run();
