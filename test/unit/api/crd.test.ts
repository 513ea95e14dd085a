import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { customResourceDefinition } from '../../../src/api/crd.ts';
import { policyResourceDefinition } from '../../../src/api/policy/crd.ts';
import { requireNoDefaults } from '../../../src/api/required.ts';

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

test('both definitions leave room in the annotation of 256 KiB in which kubectl apply keeps what it applied', () => {
  for (const definition of [customResourceDefinition(), policyResourceDefinition()])
    assert.ok(JSON.stringify(definition).length < 128 * 1024);
});

test.run();
