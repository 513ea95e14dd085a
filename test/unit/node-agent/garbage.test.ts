import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { imagesToRemove, isGarbage, type RunContainer } from '../../../src/node-agent/collector.ts';

const hour = 3_600_000;
const now = 1_000 * hour;
const settings = {
  diskPercent: { high: 85, low: 80 },
  imageUnusedMs: hour,
  keepContainersMs: 24 * hour,
};

const aContainer = (state: string, ages: { created: number; finished?: number }): RunContainer => ({
  ...{ id: 'c', state, createdAt: now - ages.created },
  finishedAt: ages.finished === undefined ? undefined : now - ages.finished,
});

test('a kept container stays for its time after its end, and is removed then', () => {
  const ended = (finished: number) =>
    isGarbage(aContainer('exited', { created: 99 * hour, finished }), settings, now);
  assert.not(ended(24 * hour));
  assert.ok(ended(24 * hour + 1));
});

test('a container that never started is left by a dead worker after ten minutes', () => {
  const created = (age: number) => isGarbage(aContainer('created', { created: age }), settings, now);
  assert.not(created(600_000));
  assert.ok(created(600_001));
});

test('a container that runs or is paused is never removed', () => {
  for (const state of ['running', 'paused', 'restarting', 'removing'])
    assert.not(isGarbage(aContainer(state, { created: 999 * hour }), settings, now), state);
});

const GB = 1e9;
const images = [
  { id: 'new', bytes: 10 * GB, lastUsed: now - 60_000 },
  { id: 'old', bytes: 2 * GB, lastUsed: now - 90 * hour },
  { id: 'older', bytes: 3 * GB, lastUsed: now - 100 * hour },
  { id: 'recent', bytes: 4 * GB, lastUsed: now - 2 * hour },
];
const removedAt = (used: number) =>
  imagesToRemove(images, { disk: { total: 100 * GB, free: (100 - used) * GB }, settings, now }).map(
    ({ id }) => id,
  );

test('while there is space, no image is removed', () => {
  assert.equal(removedAt(10), []);
  assert.equal(removedAt(85), []);
  assert.equal(imagesToRemove(images, { disk: { total: 0, free: 0 }, settings, now }), []);
});

test('on a full disk, the least recently used images are removed until it is below the low mark', () => {
  assert.equal(removedAt(86), ['older', 'old', 'recent']);
  assert.equal(removedAt(85.1), ['older', 'old', 'recent']);
  const small = { ...settings, diskPercent: { high: 85, low: 84 } };
  const disk = { total: 100 * GB, free: 14 * GB };
  assert.equal(
    imagesToRemove(images, { disk, settings: small, now }).map(({ id }) => id),
    ['older'],
  );
});

test('an image that was used or seen first a moment ago stays, however full the disk is', () => {
  assert.not(removedAt(100).includes('new'));
});

test.run();
