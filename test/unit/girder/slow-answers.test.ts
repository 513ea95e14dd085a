import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { notingSlow } from '../../../src/girder/slow-answers.ts';

test('an answer that took long is reported once, and a quick or failed one is not', async () => {
  let slow = 0;
  const onSlow = () => (slow += 1);
  const late = new Promise<string>((resolve) => setTimeout(() => resolve('late'), 20));
  assert.is(await notingSlow(late, onSlow, 5), 'late');
  assert.is(slow, 1);
  assert.is(await notingSlow(Promise.resolve('soon'), onSlow), 'soon');
  await notingSlow(Promise.reject(new Error('no')), onSlow, -1).catch(() => undefined);
  assert.is(slow, 1);
});

test.run();
