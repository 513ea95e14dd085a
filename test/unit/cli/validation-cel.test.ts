import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { customResourceDefinition } from '../../../src/api/crd.ts';
import { isRecord } from '../../../src/api/json-values.ts';
import type { CelRule } from '../../../src/api/keywords.ts';
import { brokenRules, compileRule } from '../../../src/cli/offline/validation.ts';
import { reachableFrom } from '../structure/source-files.ts';

const library = '@marcbachmann/cel-js';

/** All rules in a schema, at any depth. */
function rulesIn(value: unknown): CelRule[] {
  if (Array.isArray(value)) return value.flatMap(rulesIn);
  if (!isRecord(value)) return [];
  const own = (value['x-kubernetes-validations'] ?? []) as CelRule[];
  return [...own, ...Object.values(value).flatMap(rulesIn)];
}

const broken = (rule: string, value: unknown) =>
  brokenRules({ schema: { 'x-kubernetes-validations': [{ rule, message: 'no' }] }, value, path: 'spec' });

test('every rule of the schema except transition rules compiles to a bool', () => {
  const all = rulesIn(customResourceDefinition()).filter(({ rule }) => !rule.includes('oldSelf'));
  assert.ok(all.length > 30);
  for (const { rule } of all) assert.not.throws(() => compileRule(rule), rule);
});

test('a rule that is not CEL or not of type bool is an error', () => {
  assert.throws(() => compileRule('has(self.a'));
  assert.throws(() => compileRule('1 + 1'), /bool/);
});

for (const [rule, good, bad] of [
  ['has(self.a) != has(self.b)', { a: null }, { a: 1, b: 2 }],
  ['[has(self.a), has(self.b)].exists_one(x, x)', { b: {} }, {}],
  ['self.all(name, name.startsWith("x"))', { x1: 1, x2: 2 }, { x1: 1, y: 2 }],
  ['!self.split("/").exists(part, part == "..")', 'a/...', 'a/../b'],
  ['size(self) == 2 && self[0] == 3', [3, 4], [4, 3]],
  ['self.a > 2 && self.a in [3, 4]', { a: 4 }, { a: 5 }],
  ['self.contains("b") && self.matches("^a.c$")', 'abc', 'abd'],
] as const) {
  test(`the rule ${rule} accepts a valid value and refuses an invalid one`, () => {
    assert.equal(broken(rule, good), []);
    assert.equal(broken(rule, bad), ['spec: no']);
  });
}

test('a rule that cannot be evaluated refuses the value', () => {
  assert.match(broken('self.a == 1', {})[0] ?? '', /spec: cannot evaluate the rule self\.a == 1/);
});

test('rules apply at any depth, and not to absent fields', () => {
  const inner = { 'x-kubernetes-validations': [{ rule: 'self != "x"', message: 'no x' }] };
  const schema = { properties: { one: inner, list: { items: inner }, map: { additionalProperties: inner } } };
  const value = { list: ['a', 'x'], map: { 'a/b': 'x' } };
  assert.equal(brokenRules({ schema, value, path: 'spec' }), ['spec.list[1]: no x', 'spec.map[a/b]: no x']);
});

test('neither the controller nor the worker loads the CEL library', () => {
  assert.ok(reachableFrom('src/cli/main.ts').has(library));
  for (const program of ['controller', 'worker'])
    assert.not(reachableFrom(`src/${program}/main.ts`).has(library));
});

test.run();
