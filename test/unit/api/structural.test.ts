import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  applyDefaults,
  duplicateKeys,
  type StructuralSchema,
  unknownFields,
} from '../../../src/api/structural.ts';

const mode: StructuralSchema = { default: 'rw' };
const mount: StructuralSchema = { properties: { path: {}, mode } };
const schema: StructuralSchema = {
  properties: {
    limit: { default: 0 },
    mount,
    list: { items: { properties: { name: {}, mount } }, 'x-kubernetes-list-map-keys': ['name'] },
    map: { additionalProperties: mount },
    options: { properties: { on: { default: true } }, default: {} },
    anything: { 'x-kubernetes-preserve-unknown-fields': true },
  },
};

test('defaults are set at every depth, but not inside absent objects', () => {
  const filled = applyDefaults(schema, {
    list: [{ name: 'a', mount: {} }, { name: 'b' }],
    map: { x: { path: '/' } },
  });
  assert.equal(filled, {
    list: [{ name: 'a', mount: { mode: 'rw' } }, { name: 'b' }],
    map: { x: { path: '/', mode: 'rw' } },
    limit: 0,
    options: { on: true },
  });
});

test('given values stay, and null counts as absent', () => {
  const filled = applyDefaults(schema, {
    limit: 2,
    mount: { mode: null, path: null },
    map: { x: null },
    options: null,
  });
  assert.equal(filled, { limit: 2, mount: { mode: 'rw' }, map: {}, options: { on: true } });
});

test('two values do not share the object of a default', () => {
  const [one, two] = [applyDefaults(schema, {}), applyDefaults(schema, {})] as { options: object }[];
  assert.is.not(one?.options, two?.options);
  assert.equal(schema.properties?.['options']?.default, {});
});

test('an object with unknown fields preserved stays unchanged', () => {
  const anything = { a: null, mode: [{ b: null }] };
  assert.equal(applyDefaults(schema, { anything }), { anything, limit: 0, options: { on: true } });
});

test('unknown fields are reported with their paths', () => {
  const value = {
    limits: 1,
    mount: { paths: '' },
    list: [{ name: 'a' }, { mount: { x: {} } }],
    map: { '/a/b': { y: 1 } },
    anything: { z: 1 },
  };
  const unknown = unknownFields({ schema, value, path: 'spec' });
  assert.equal(unknown, ['spec.limits', 'spec.mount.paths', 'spec.list[1].mount.x', 'spec.map[/a/b].y']);
});

test('names that every object inherits are unknown fields', () => {
  const value: unknown = JSON.parse('{"constructor": {}, "mount": {"__proto__": 1}}');
  assert.equal(unknownFields({ schema, value, path: 'spec' }), ['spec.constructor', 'spec.mount.__proto__']);
});

test('an element with the key of an earlier one is reported', () => {
  const value = { list: [{ name: 'a' }, { name: 'b' }, { name: 'a' }] };
  assert.equal(duplicateKeys({ schema, value, path: 'spec' }), [
    'spec.list[2]: another element of the list has the same name',
  ]);
  assert.equal(duplicateKeys({ schema, value: { list: [{ name: 'a' }] }, path: 'spec' }), []);
});

test.run();
