import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseTraceparent, rootSpanOf, traceparent } from '../../../src/support/trace/trace.ts';

const uid = 'b1f4c0de-1111-4222-8333-0123456789ab';
const sampled = '00-b1f4c0de1111422283330123456789ab-00f067aa0ba902b7-01';

test('the trace id of a run is its uid', () => {
  assert.is(rootSpanOf(uid).traceId, 'b1f4c0de1111422283330123456789ab');
});

test('the root span of a run has valid ids that are always the same and differ from those of other runs', () => {
  fc.assert(
    fc.property(fc.oneof(fc.uuid(), fc.string()), fc.uuid(), (one, other) => {
      const root = rootSpanOf(one);
      assert.equal(rootSpanOf(one), root);
      assert.equal(parseTraceparent(traceparent(root)), root);
      if (one !== other) assert.not.equal(rootSpanOf(other).spanId, root.spanId);
    }),
  );
});

test('a traceparent is read as W3C Trace Context specifies', () => {
  const context = { traceId: 'b1f4c0de1111422283330123456789ab', spanId: '00f067aa0ba902b7' };
  assert.equal(parseTraceparent(sampled), context);
  assert.equal(parseTraceparent(`01${sampled.slice(2)}-more`), context, 'a later version may have more');
  assert.equal(parseTraceparent(sampled.replace(/01$/, '03')), context);
});

test('a traceparent that is missing, invalid or not sampled is undefined', () => {
  const wrong = [
    undefined,
    '',
    sampled.replace(/01$/, '00'),
    sampled.replace(/^00/, 'ff'),
    sampled.toUpperCase(),
    sampled.slice(1),
    sampled.replace('b1f4c0de1111422283330123456789ab', '0'.repeat(32)),
    sampled.replace('00f067aa0ba902b7', '0'.repeat(16)),
  ];
  for (const text of wrong) assert.is(parseTraceparent(text), undefined, text);
});

test.run();
