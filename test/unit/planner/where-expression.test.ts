import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dockerRunSetSpec, whereFields } from '../../../src/api/set/set-spec.ts';
import { textAt } from '../../../src/kube/json.ts';
import { compileWhere } from '../../../src/planner/where-expression.ts';
import { RunError } from '../../../src/support/errors.ts';

const item = {
  id: 'a',
  name: 'case-1.svs',
  size: 2_000_000,
  updated: '2026-11-01T00:00:00Z',
  meta: { stain: 'H&E', mpp: 0.25, levels: 3, tags: ['a', 'b'], nothing: null },
};

test('the description of where names what item has', () => {
  const { where } = dockerRunSetSpec.properties.source.properties;
  const text = textAt(where, 'description') ?? '';
  for (const field of whereFields) assert.match(text, new RegExp(`\\b${field}\\b`));
  assert.not.match(text, /document/);
});

const rows: readonly (readonly [string, string | undefined | RegExp])[] = [
  ["has(item.meta.stain) && item.meta.stain == 'H&E' && item.size > 1000000", undefined],
  ['item.meta.levels == 3 && item.meta.mpp < 1', undefined],
  ["item.meta.tags.exists(tag, tag == 'b')", undefined],
  ["item.name.matches('^case-[0-9]+')", undefined],
  ["timestamp(item.updated) > timestamp('2026-01-01T00:00:00Z')", undefined],
  ['item.size < 5', 'where is false for it'],
  ['has(item.meta.toString)', 'where is false for it'],
  ['item.name', 'where is neither true nor false for it'],
  ['item.meta.absent == 3', /^where failed for it: No such key: absent/],
  ['item.meta.constructor == null', /^where failed for it: No such key/],
  ['item.meta.stain > 3', /^where failed for it/],
];

for (const [expression, expected] of rows) {
  test(`${expression}: ${String(expected)}`, () => {
    const result = compileWhere(expression)(item);
    if (expected instanceof RegExp) assert.match(result ?? '', expected);
    else assert.is(result, expected);
  });
}

for (const expression of ['item.', 'itm.name == "a"', '1 + 2', 'exec("x")', `[${'1,'.repeat(300)}1] == []`]) {
  test(`${expression.slice(0, 20)} is refused with a sentence`, () => {
    const error = (() => {
      try {
        return compileWhere(expression);
      } catch (thrown) {
        return thrown;
      }
    })();
    assert.instance(error, RunError);
    assert.is((error as RunError).reason, 'InvalidSpec');
    assert.match((error as RunError).message, /^spec\.source\.where is not a CEL expression: \S/);
  });
}

const hostile = {
  ...item,
  name: `${'a'.repeat(60)}!`,
  meta: { list: Array.from({ length: 5_000 }, (_, n) => n) },
};
const slow = [
  "item.name.matches('^(a+)+$')",
  'item.meta.list.all(a, item.meta.list.all(b, item.meta.list.all(c, a + b + c < 100000)))',
];

for (const expression of slow) {
  test(`${expression} does not keep the planner busy`, () => {
    const before = process.threadCpuUsage();
    assert.match(compileWhere(expression)(hostile) ?? '', /^where took longer than 100 ms/);
    const { user, system } = process.threadCpuUsage(before);
    assert.ok(user + system < 2_000_000, `${(user + system) / 1000} ms`);
    assert.is(compileWhere('item.size > 3')(item), undefined);
  });
}

test('a comment does not hide a function from the deadline', () => {
  const hidden = "item.name.matches // x\n ('^(a+)+$')";
  assert.match(compileWhere(hidden)(hostile) ?? '', /^where took longer than 100 ms/);
});

test.run();
