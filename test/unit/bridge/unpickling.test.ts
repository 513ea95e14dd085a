import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { tableNode } from '../../../src/bridge/pickle/json-nodes.ts';
import { readJson } from '../../../src/bridge/pickle/json-reader.ts';
import { isPyObject, itemsOf, type PyObject, type PyValue } from '../../../src/calls/python-value.ts';
import { unpickle } from '../../../src/bridge/pickle/unpickling.ts';
import { captured, capturedNames, client, defaultVolume, type Fields, pickled } from './task-messages.ts';

const read = (text: string) => unpickle(readJson(Buffer.from(text)));
const restore = (value: unknown) => unpickle(tableNode(value));

/** Every object in a value, each once. */
function objectsIn(value: PyValue, found = new Set<PyValue>()): PyObject[] {
  if (typeof value !== 'object' || value === null || found.has(value)) return [];
  found.add(value);
  if (value.kind === 'dict') return [...value.entries.values()].flatMap((one) => objectsIn(one, found));
  if (isPyObject(value))
    return [value, ...[...value.attributes.values()].flatMap((one) => objectsIn(one, found))];
  return (itemsOf(value) ?? []).flatMap((one) => objectsIn(one, found));
}

const element = (value: PyValue, index: number) => itemsOf(value)?.[index];

const attribute = (value: PyValue | undefined, name: string) =>
  isPyObject(value) ? value.attributes.get(name) : undefined;

for (const name of capturedNames) {
  test(`each volume is a volume and each client a client in ${name}`, () => {
    for (const { body, headers } of captured(name)) {
      const { girder_result_hooks: hooks = [] } = headers as { girder_result_hooks?: unknown[] };
      const values = [unpickle(readJson(body)), ...hooks.map(restore)];
      for (const object of values.flatMap((value) => objectsIn(value))) {
        const [volume, gc] = [attribute(object, '_volume'), attribute(object, 'gc')];
        if (isPyObject(volume)) assert.match(volume.className, /Volume$/);
        if (isPyObject(gc)) assert.is(gc.className, 'girder_client.GirderClient');
      }
    }
  });
}

test('a reference is the very object that came before', () => {
  const volume = defaultVolume();
  const list = restore([pickled('VolumePath', { filename: 'a', _volume: volume }), { 'py/id': 2 }]);
  assert.is(attribute(element(list, 0), '_volume'), element(list, 1));
});

test('tuples, sets, names, bytes and the lists of a datetime have no number', () => {
  const time = {
    'py/object': 'datetime.datetime',
    __reduce__: [
      { 'py/type': 'datetime.datetime' },
      ['B+oLHBEhOAQn2g==', { 'py/reduce': [{ 'py/type': 'a.b' }] }],
    ],
  };
  const value = restore([
    { 'py/tuple': [{ 'py/set': [] }, { 'py/function': 'f' }, { 'py/b64': 'YQ==' }] },
    time,
    {},
    { 'py/id': 3 },
    { 'py/id': 2 },
  ]);
  assert.is(element(value, 3), element(value, 2));
  assert.is(attribute(element(value, 4), 'py/reduce') === undefined, false);
});

test('keys that are no texts are numbered after the others, and are as Python prints them', () => {
  const value = read('[{"json://null": [], "b": {}, "json://1": []}, {"py/id": 2}, {"py/id": 3}]');
  const dict = element(value, 0);
  assert.ok(typeof dict === 'object' && dict?.kind === 'dict');
  const keys = [...dict.entries.keys()].map((key) => (typeof key === 'string' ? key : key.text));
  assert.equal(keys, ['b', 'None', '1']);
  assert.is(element(value, 1), dict.entries.get('b'));
});

test('a key such as "1" of Girder 3 keeps its place, so that later numbers are right', () => {
  const value = read('[{"b": ["first"], "1": ["second"]}, {"py/id": 2}]');
  assert.equal(element(value, 1), { kind: 'list', items: ['first'] });
});

test('attributes below py/state are attributes', () => {
  const value = restore({ 'py/object': 'a.B', 'py/state': { c: 1 } });
  assert.is(attribute(value, 'c'), 1n);
});

test('jsonpickle 1 numbers no dicts: the numbering is the one in which volumes are volumes', () => {
  // {0: list, 1: VolumePath, 2: its volume} without dicts; with dicts, 2 is the VolumePath.
  const message: Fields = {
    container_args: [
      pickled('VolumePath', { filename: 'a', _volume: defaultVolume() }),
      pickled('VolumePath', { filename: 'b', _volume: { 'py/id': 2 } }),
    ],
  };
  const volumes = objectsIn(restore(message)).flatMap((object) => attribute(object, '_volume') ?? []);
  assert.is(volumes.length, 2);
  assert.is(volumes[0], volumes[1]);
});

for (const [what, value, sentence] of [
  ['leads to nothing', [{ 'py/id': 7 }], 'a reference (py/id) leads to no object before it'],
  ['is negative', [{ 'py/id': -1 }], 'a reference (py/id) leads to no object before it'],
  ['is a text', [{ 'py/id': '0' }], 'a reference (py/id) leads to no object before it'],
  ['leads to what it is in', [[{ 'py/id': 0 }]], 'a reference (py/id) leads to an object that contains it'],
] as const) {
  test(`a reference that ${what} is refused`, () => {
    assert.throws(() => restore(value), sentence);
  });
}

test('a client that is a volume is refused', () => {
  const value = [
    pickled('VolumePath', { _volume: client() }),
    pickled('VolumePath', { gc: defaultVolume() }),
  ];
  assert.throws(() => restore(value), /do not fit the numbering of any known jsonpickle/);
});

for (const tag of ['py/tuple', 'py/set', 'py/reduce', 'py/object', 'py/type', 'py/b64'])
  test(`a malformed ${tag} is refused`, () => {
    assert.throws(() => restore([{ [tag]: 5 }]), new RegExp(`^${tag} is not a (list|name)$`));
  });

test('200,000 references are restored within seconds', () => {
  const references = Array.from({ length: 66_000 }, (_, index) => ({ 'py/id': index % 2 === 0 ? 1 : 2 }));
  const started = performance.now();
  restore([[], {}, ...references]);
  assert.ok(performance.now() - started < 10_000);
});

test.run();
