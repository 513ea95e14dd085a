import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { KubeError } from '../../../src/kube/kube-error.ts';
import { interruptionReason, LineSplitter, mustList, UnreadableError } from '../../../src/kube/watch.ts';
import { StalledError } from '../../../src/support/watchdog.ts';

const unanswered = (cause: unknown) => new KubeError('no answer', { status: 0, cause });
const systemError = (code: string) => Object.assign(new Error(code), { code });

test('each error of a list or a watch has an interruption reason', () => {
  const reasons: [unknown, string][] = [
    [undefined, 'closed'],
    [new StalledError('no byte'), 'silence'],
    [unanswered(new StalledError('no answer')), 'silence'],
    [systemError('ECONNRESET'), 'reset'],
    [unanswered(systemError('EPIPE')), 'reset'],
    [systemError('ECONNREFUSED'), 'refused'],
    [unanswered(systemError('ENOTFOUND')), 'refused'],
    [new KubeError('gone', { status: 410 }), 'expired'],
    [new KubeError('busy', { status: 429 }), 'throttled'],
    [new KubeError('broken', { status: 500 }), 'refused'],
    [new KubeError('forbidden', { status: 403 }), 'refused'],
    [new UnreadableError('no event'), 'unreadable'],
    [unanswered(new SyntaxError('cut')), 'unreadable'],
    [new TypeError('not a list'), 'unreadable'],
    ['whatever', 'refused'],
  ];
  for (const [error, reason] of reasons) assert.is(interruptionReason(error), reason, String(error));
});

test('only an expired version, or a second watch without an event, causes a list', () => {
  assert.ok(mustList('expired', 0));
  for (const reason of ['silence', 'unreadable'] as const) {
    assert.not.ok(mustList(reason, 1));
    assert.ok(mustList(reason, 2));
  }
  for (const reason of ['closed', 'reset', 'throttled', 'refused'] as const)
    assert.not.ok(mustList(reason, 9));
});

/** The lines that are returned when `bytes` arrive in chunks that end at `cuts`. */
function linesOf(bytes: Buffer, cuts: readonly number[]): string[] {
  const splitter = new LineSplitter();
  const ends = [...cuts, bytes.length];
  return ends.flatMap((end, index) => splitter.push(bytes.subarray(ends[index - 1] ?? 0, end)));
}

const text = '{"name":"größe"}\n{"name":"語"}\n\n{"name":"🦭"}\n';
const expected = ['{"name":"größe"}', '{"name":"語"}', '{"name":"🦭"}'];

test('lines are whole, wherever the bytes are cut', () => {
  const bytes = Buffer.from(text);
  for (let cut = 0; cut <= bytes.length; cut += 1) assert.equal(linesOf(bytes, [cut]), expected);
});

test('lines are whole when each byte arrives alone', () => {
  const bytes = Buffer.from(text);
  assert.equal(linesOf(bytes, [...bytes.keys()]), expected);
});

test('any lines are returned unchanged, wherever they are cut', () => {
  const line = fc.string({ unit: 'binary', minLength: 1 }).filter((one) => !one.includes('\n'));
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat(200)), (lines, places) => {
      const bytes = Buffer.from(lines.map((one) => `${one}\n`).join(''));
      const cuts = places.filter((place) => place <= bytes.length).toSorted((a, b) => a - b);
      assert.equal(
        linesOf(bytes, cuts),
        lines.map((one) => Buffer.from(one).toString()),
      );
    }),
  );
});

test('an unfinished line is never returned', () => {
  assert.equal(linesOf(Buffer.from('{"a":1}\n{"b":'), []), ['{"a":1}']);
});

test('a line is returned as soon as it is complete', () => {
  const splitter = new LineSplitter();
  assert.equal(splitter.push(Buffer.from('ab')), []);
  assert.equal(splitter.push(Buffer.from('c\nd')), ['abc']);
});

test.run();
