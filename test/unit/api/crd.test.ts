import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { customResourceDefinition, requireNoDefaults, withoutEmptyProperties } from '../../../src/api/crd.ts';
import { policyResourceDefinition } from '../../../src/policy/policy-crd.ts';
import { listAt, recordAt } from '../../../src/kube/json.ts';
import { isRecord } from '../../../src/support/narrow.ts';

test('nobody has to write what has a default', () => {
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

/** The paths in a schema of what the API server does not store: what is empty or false, but for defaults. */
function unstored(value: unknown, path = 'schema'): string[] {
  if (value === '' || value === false) return [path];
  if (typeof value !== 'object' || value === null) return [];
  const entries = Object.entries(value);
  if (entries.length === 0) return [path];
  return entries.flatMap(([key, inner]) => (key === 'default' ? [] : unstored(inner, `${path}.${key}`)));
}

test('properties that have none are left out, and a field of that name is not', () => {
  const field = { type: 'object', description: 'x' };
  const schema = { properties: { a: { ...field, properties: {} }, properties: field } };
  assert.equal(withoutEmptyProperties(schema), { properties: { a: field, properties: field } });
});

test('the API server stores every word of a schema: what it drops would be a difference for ever', () => {
  assert.equal(unstored({ a: { properties: {}, default: {} } }), ['schema.a.properties']);
  for (const definition of [customResourceDefinition(), policyResourceDefinition()]) {
    const [version] = listAt(recordAt(definition, 'spec'), 'versions');
    const { openAPIV3Schema } = recordAt(version, 'schema');
    assert.ok(isRecord(openAPIV3Schema));
    assert.equal(unstored(openAPIV3Schema), []);
  }
});

test('both definitions leave room in the annotation of 256 KiB in which kubectl apply keeps what it applied', () => {
  for (const definition of [customResourceDefinition(), policyResourceDefinition()])
    assert.ok(JSON.stringify(definition).length < 128 * 1024);
});

test.run();
