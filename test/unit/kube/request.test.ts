import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { applyBody } from '../../../src/kube/request.ts';

/** Any text, often with characters that YAML and JSON read differently. */
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom(
      '\u007f',
      '\u0085',
      '\u0092',
      '\u2028',
      '\ufeff',
      '\ufffe',
      '\u0000',
      '"',
      '\\',
      ':',
      '\n',
      '😀',
    ),
  }),
);

test('the body of an apply is the same object as YAML and as JSON', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom('a', 'b'), fc.array(text)), (object) => {
      const body = applyBody(object);
      assert.equal(JSON.parse(body), { ...object });
      assert.equal(parse(body), { ...object });
      assert.not.match(body, /[\u007f-\u009f\ufffe]/);
    }),
    { numRuns: 2_000 },
  );
});

test('a lone surrogate becomes U+FFFD', () => {
  assert.is(applyBody({ a: `x${'😀'.slice(0, 1)}y` }), '{"a":"x\ufffdy"}');
});

test.run();
