import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { customResourceDefinition, requireNoDefaults, withoutEmptyProperties } from '../../../src/api/crd.ts';
import { isRecord } from '../../../src/api/json-values.ts';
import { setResourceDefinition } from '../../../src/api/set/set-crd.ts';
import { policyResourceDefinition } from '../../../src/policy/policy-crd.ts';
import { listAt, recordAt } from '../../../src/kube/json.ts';

const definitions = [customResourceDefinition(), policyResourceDefinition(), setResourceDefinition()];

test('a field with a default is not required', () => {
  const field = { type: 'string' };
  const schema = { required: ['a', 'b'], properties: { a: field, b: { ...field, default: 'x' } } };
  const nested = { properties: { required: { items: schema } }, required: ['required'] };
  const without = { properties: schema.properties, required: ['a'] };
  assert.equal(requireNoDefaults(nested), {
    properties: { required: { items: without } },
    required: ['required'],
  });
  assert.equal(requireNoDefaults({ ...schema, required: ['b'] }), { properties: schema.properties });
});

/** The paths of what the API server does not store: empty and false values, except in defaults. */
function unstored(value: unknown, path = 'schema'): string[] {
  if (value === '' || value === false) return [path];
  if (typeof value !== 'object' || value === null) return [];
  const entries = Object.entries(value);
  if (entries.length === 0) return [path];
  return entries.flatMap(([key, inner]) => (key === 'default' ? [] : unstored(inner, `${path}.${key}`)));
}

test('empty properties are left out, but not a field of that name', () => {
  const field = { type: 'object', description: 'x' };
  const schema = { properties: { a: { ...field, properties: {} }, properties: field } };
  assert.equal(withoutEmptyProperties(schema), { properties: { a: field, properties: field } });
});

test('the advice for a set never leads to a set of another name in the same results folder', () => {
  const messages = JSON.stringify(setResourceDefinition()).match(
    /"message":"[^"]*(cannot change|be unset)[^"]*"/g,
  );
  assert.is(messages?.length, 2);
  for (const message of messages ?? []) {
    assert.match(message, /delete the set, which keeps all results, and apply it again/);
    assert.not.match(message, /under a new name/);
  }
});

test('the API server stores the whole schema, so that no tool reports a difference', () => {
  assert.equal(unstored({ a: { properties: {}, default: {} } }), ['schema.a.properties']);
  for (const definition of definitions) {
    const [version] = listAt(recordAt(definition, 'spec'), 'versions');
    const { openAPIV3Schema } = recordAt(version, 'schema');
    assert.ok(isRecord(openAPIV3Schema));
    assert.equal(unstored(openAPIV3Schema), []);
  }
});

test('each CRD fits into half of the 256 KiB of annotations that kubectl apply uses', () => {
  for (const definition of definitions) assert.ok(JSON.stringify(definition).length < 128 * 1024);
});

test.run();
