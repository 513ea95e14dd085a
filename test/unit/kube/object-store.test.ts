import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Change, ObjectStore, type Stored } from '../../../src/kube/object-store.ts';

type Item = { readonly value: string };

const stored = (key: string, version: number, value = 'one', uid = `uid-${key}`): Stored<Item> => ({
  ...{ key, uid, version },
  item: { value },
});

/** Each change as `key:before→after`. */
const shown = (changes: readonly Change<Item>[]) =>
  changes.map(({ key, item, before }) => `${key}:${before?.value ?? ''}→${item.value}`);

/** A store that has listed `a` and `b` at version 10. */
function listed(): ObjectStore<Item> {
  const store = new ObjectStore<Item>();
  store.replace([stored('a', 5), stored('b', 6)], 10);
  return store;
}

test('a first list changes every object, a second one only those that differ', () => {
  const store = new ObjectStore<Item>();
  assert.equal(shown(store.replace([stored('a', 5), stored('b', 6)], 10)), ['a:→one', 'b:→one']);
  const second = [stored('a', 12), stored('b', 13, 'two'), stored('c', 14)];
  assert.equal(shown(store.replace(second, 20)), ['b:one→two', 'c:→one']);
});

test('an object that is missing from a list is removed, which is a change', () => {
  const store = listed();
  assert.equal(shown(store.replace([stored('a', 5)], 20)), ['b:one→one']);
  assert.is(store.get('b'), undefined);
});

test('an object that was deleted and created again between two lists is two changes', () => {
  const store = listed();
  const again = [stored('a', 15, 'again', 'uid-new'), stored('b', 6)];
  assert.equal(shown(store.replace(again, 20)), ['a:one→one', 'a:→again']);
  assert.equal(shown(listed().put(stored('a', 15, 'again', 'uid-new'))), ['a:one→one', 'a:→again']);
});

test('an object that we created is there at once, unless the watch has shown that it is gone', () => {
  const store = listed();
  store.absorbCreated(stored('c', 12));
  assert.equal(store.get('c'), stored('c', 12));
  assert.equal(shown(store.put(stored('c', 12))), [], 'our own creation is no change');
  assert.equal(shown(store.put(stored('c', 13, 'two'))), ['c:one→two']);
  assert.equal(shown(store.delete(stored('c', 14, 'two'))), ['c:two→two']);
  store.absorbCreated(stored('c', 12));
  assert.is(store.get('c'), undefined);
  store.absorbCreated(stored('d', 16));
  store.replace([stored('a', 5), stored('b', 6)], 15);
  assert.equal(store.get('d'), stored('d', 16), 'a list from before it keeps it');
  assert.equal(shown(store.replace([stored('a', 5), stored('b', 6)], 17)), ['d:one→one']);
});

test('an event that changes nothing of the stored item is not a change', () => {
  assert.equal(shown(listed().put(stored('a', 11))), []);
  assert.equal(shown(listed().put(stored('a', 11, 'two'))), ['a:one→two']);
});

test('a deletion is one change, with the last state', () => {
  const store = listed();
  assert.equal(shown(store.delete(stored('a', 11, 'two'))), ['a:one→two']);
  assert.equal(shown(store.delete(stored('a', 11, 'two'))), []);
});

test('our own write is stored at once, and is not a change when the watch delivers it', () => {
  const store = listed();
  store.absorb(stored('a', 11, 'ours'));
  assert.is(store.get('a')?.item.value, 'ours');
  assert.equal(shown(store.put(stored('a', 11, 'ours'))), []);
});

test('a write of another client just before ours is a change, although our answer already includes it', () => {
  const store = listed();
  store.absorb(stored('a', 12, 'ours on theirs'));
  assert.equal(shown(store.put(stored('a', 11, 'theirs'))), ['a:ours on theirs→ours on theirs']);
  assert.equal(shown(store.put(stored('a', 12, 'ours on theirs'))), []);
});

test('the first of two writes of ours is not mistaken for one of another client', () => {
  const store = listed();
  for (const version of [12, 11]) store.absorb(stored('a', version, `ours ${version}`));
  assert.is(store.get('a')?.item.value, 'ours 12');
  assert.equal(shown([11, 12].flatMap((version) => store.put(stored('a', version, `ours ${version}`)))), []);
});

test('when the watch ends before it delivered our write, the next list reports that object', () => {
  const store = listed();
  store.absorb(stored('a', 12, 'ours'));
  assert.equal(shown(store.replace([stored('a', 12, 'ours'), stored('b', 6)], 20)), ['a:ours→ours']);
});

test('a list that is older than our write does not undo it, but any other newer version is replaced', () => {
  const store = listed();
  store.absorb(stored('a', 30, 'ours'));
  store.replace([stored('a', 5), stored('b', 6)], 20);
  assert.is(store.get('a')?.item.value, 'ours');
  store.put(stored('b', 40, 'newer'));
  assert.equal(shown(store.replace([stored('b', 6, 'restored')], 20)), ['a:ours→ours', 'b:newer→restored']);
});

test('a late answer to a write does not restore a deleted object', () => {
  const store = listed();
  store.delete(stored('a', 11));
  store.absorb(stored('a', 10, 'late'));
  assert.is(store.get('a'), undefined);
});

test('items that are nested too deeply to compare count as changed, and do not hide the changes of others', () => {
  const deep = (key: string, version: number): Stored<Item> => {
    let value: unknown = 1;
    for (let level = 0; level < 100_000; level += 1) value = { a: value };
    return { key, uid: `uid-${key}`, version, item: { value: value as string } };
  };
  const store = new ObjectStore<Item>();
  store.replace([deep('a', 5), stored('b', 6)], 10);
  const changes = store.replace([deep('a', 12), stored('b', 13, 'two')], 20);
  assert.equal(
    changes.map(({ key }) => key),
    ['a', 'b'],
  );
  assert.is(store.put(deep('a', 21)).length, 1);
});

/** Writes to one object, by us or by others; the answer to ours comes `early` events before its event. */
const writes = fc.array(fc.record({ isOurs: fc.boolean(), early: fc.nat(3), value: fc.nat(2) }), {
  maxLength: 12,
});

test('however early answers come, the store ends with the last state and misses no change of another client', () => {
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
