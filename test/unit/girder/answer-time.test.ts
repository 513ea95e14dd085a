import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AnswerTime } from '../../../src/girder/job/answer-time.ts';

const bounds = { shortest: 3_000, longest: 30_000 };

test('the first answer may take the longest time', () => {
  assert.is(new AnswerTime(bounds).within, 30_000);
});

test('after a quick answer the next may take the shortest time', () => {
  const time = new AnswerTime(bounds);
  time.answered(20);
  assert.is(time.within, 3_000);
});

test('a slow server is given four times what it took, up to the longest time', () => {
  const time = new AnswerTime(bounds);
  time.answered(2_000);
  assert.is(time.within, 8_000);
  time.answered(12_000);
  assert.is(time.within, 30_000);
});

test('each silence doubles the time, until an answer comes', () => {
  const time = new AnswerTime(bounds);
  time.answered(20);
  const seen = [1, 2, 3, 4, 5].map(() => {
    time.stayedSilent();
    return time.within;
  });
  assert.equal(seen, [6_000, 12_000, 24_000, 30_000, 30_000]);
  time.answered(20);
  assert.is(time.within, 3_000);
});

test('silence before the first answer changes nothing', () => {
  const time = new AnswerTime(bounds);
  time.stayedSilent();
  assert.is(time.within, 30_000);
});

test.run();
