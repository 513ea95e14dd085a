import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Change, ObjectStore, type Stored } from '../../../src/kube/object-store.ts';

type Item = { readonly value: string };

const stored = (key: string, version: number, value = 'one', uid = `uid-${key}`): Stored<Item> => ({
  ...{ key, uid, version },
  item: { value },
});

/** As `a:one→two`. */
const told = (changes: readonly Change<Item>[]) =>
  changes.map(({ key, item, before }) => `${key}:${before?.value ?? ''}→${item.value}`);

/** A store that has listed `a` and `b` at version 10. */
function listed(): ObjectStore<Item> {
  const store = new ObjectStore<Item>();
  store.replace([stored('a', 5), stored('b', 6)], 10);
  return store;
}

test('of a first list every object is news, of a second one only what differs', () => {
  const store = new ObjectStore<Item>();
  assert.equal(told(store.replace([stored('a', 5), stored('b', 6)], 10)), ['a:→one', 'b:→one']);
  const second = [stored('a', 12), stored('b', 13, 'two'), stored('c', 14)];
  assert.equal(told(store.replace(second, 20)), ['b:one→two', 'c:→one']);
});

test('what a list no longer has is news, and gone', () => {
  const store = listed();
  assert.equal(told(store.replace([stored('a', 5)], 20)), ['b:one→one']);
  assert.is(store.get('b'), undefined);
});

test('an object that was deleted and made again in a gap is two: the old one is told, and the new one', () => {
  const store = listed();
  const again = [stored('a', 15, 'again', 'uid-new'), stored('b', 6)];
  assert.equal(told(store.replace(again, 20)), ['a:one→one', 'a:→again']);
  assert.equal(told(listed().put(stored('a', 15, 'again', 'uid-new'))), ['a:one→one', 'a:→again']);
});

test('an event that changes nothing of what is kept is no news', () => {
  assert.equal(told(listed().put(stored('a', 11))), []);
  assert.equal(told(listed().put(stored('a', 11, 'two'))), ['a:one→two']);
});

test('a deletion is told once, with the last state', () => {
  const store = listed();
  assert.equal(told(store.delete(stored('a', 11, 'two'))), ['a:one→two']);
  assert.equal(told(store.delete(stored('a', 11, 'two'))), []);
});

test('what we wrote is there at once, and no news when the watch brings it', () => {
  const store = listed();
  store.absorb(stored('a', 11, 'ours'));
  assert.is(store.get('a')?.item.value, 'ours');
  assert.equal(told(store.put(stored('a', 11, 'ours'))), []);
});

test('what somebody else wrote just before us is news, though our answer has brought it in already', () => {
  const store = listed();
  store.absorb(stored('a', 12, 'ours on theirs'));
  assert.equal(told(store.put(stored('a', 11, 'theirs'))), ['a:ours on theirs→ours on theirs']);
  assert.equal(told(store.put(stored('a', 12, 'ours on theirs'))), []);
});

test('of two writes of ours, the first is not taken for somebody else’s', () => {
  const store = listed();
  for (const version of [12, 11]) store.absorb(stored('a', version, `ours ${version}`));
  assert.is(store.get('a')?.item.value, 'ours 12');
  assert.equal(told([11, 12].flatMap((version) => store.put(stored('a', version, `ours ${version}`)))), []);
});

test('when the watch ends before it has brought a write of ours, the next list tells that object', () => {
  const store = listed();
  store.absorb(stored('a', 12, 'ours'));
  assert.equal(told(store.replace([stored('a', 12, 'ours'), stored('b', 6)], 20)), ['a:ours→ours']);
});

test('a list from before a write of ours does not take it back; any other newer version was another history', () => {
  const store = listed();
  store.absorb(stored('a', 30, 'ours'));
  store.replace([stored('a', 5), stored('b', 6)], 20);
  assert.is(store.get('a')?.item.value, 'ours');
  store.put(stored('b', 40, 'newer'));
  assert.equal(told(store.replace([stored('b', 6, 'restored')], 20)), ['a:ours→ours', 'b:newer→restored']);
});

test('the answer to a write of an object that is gone does not bring it back', () => {
  const store = listed();
  store.delete(stored('a', 11));
  store.absorb(stored('a', 10, 'late'));
  assert.is(store.get('a'), undefined);
});

/** Writes of one object, by us or by others; the answer to one of ours comes so many events before its own. */
const writes = fc.array(fc.record({ isOurs: fc.boolean(), early: fc.nat(3), value: fc.nat(2) }), {
  maxLength: 12,
});

test('however early answers come, the store ends with the last state, and no change of others is missed', () => {
  fc.assert(
    fc.property(writes, (made) => {
      const store = listed();
      const objects = made.map(({ value }, index) => stored('a', 11 + index, `${value}`));
      const isMissed = objects.map((object, now) => {
        const before = objects[now - 1]?.item.value ?? 'one';
        const answered = made.flatMap(({ isOurs, early }, index) =>
          isOurs && Math.max(0, index - early) === now ? [objects[index]] : [],
        );
        for (const answer of answered) if (answer !== undefined) store.absorb(answer);
        const isSilent = store.put(object).length === 0;
        return isSilent && made[now]?.isOurs === false && object.item.value !== before;
      });
      assert.not.ok(isMissed.includes(true));
      assert.is(store.get('a')?.item.value, objects.at(-1)?.item.value ?? 'one');
    }),
  );
});

test.run();
