import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GirderQueue } from '../../../src/controller/set/girder-queue.ts';

const waits = { waits: true, hasStarted: false };

test('the set that has waited for the longest is the next, and waits again behind the others', () => {
  const queue = new GirderQueue();
  for (const key of ['a', 'b', 'c']) queue.decided('girder', key, waits);
  assert.equal(queue.next('girder', 2), ['a', 'b']);
  assert.is(queue.ahead('girder', 'c'), 2);
  assert.is(queue.ahead('girder', 'new'), 3);
  queue.decided('girder', 'b', waits);
  assert.is(queue.ahead('girder', 'b'), 1, 'a set that could not start keeps its place');
  queue.decided('girder', 'a', { waits: true, hasStarted: true });
  assert.equal(queue.next('girder', 9), ['b', 'c', 'a']);
  queue.decided('girder', 'b', { waits: false, hasStarted: true });
  assert.equal(queue.next('girder', 9), ['c', 'a']);
  assert.equal([queue.next('girder', 0), queue.next('girder', -1), queue.next('other', 1)], [[], [], []]);
});

test.run();
