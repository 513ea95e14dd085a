import { spawnSync } from 'node:child_process';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { addTotals, noTests, parseUvuTotals, silentFiles, totalsLine } from '../../runner/uvu-totals.ts';

const output = (total: number, passed: number, skipped: number) =>
  `• ✘   (${passed} / ${total})\n\n  Total:     ${total}\n  Passed:    ${passed}\n  Skipped:   ${skipped}\n  Duration:  3.19ms\n\n`;

test('a test that neither passed nor was skipped has failed', () => {
  assert.equal(parseUvuTotals(output(5, 3, 2)), { passed: 3, failed: 2, skipped: 2, failures: [] });
});

test('what a failed test printed first is kept, without its colours and not in full', () => {
  const failed = `   \u001b[31mFAIL\u001b[39m  "it works"\n    not within 9 s\n${'at x\n'.repeat(20)}`;
  assert.equal(parseUvuTotals(failed + output(2, 1, 0))?.failures, [
    `   FAIL  "it works"\n    not within 9 s\n${'at x\n'.repeat(4)}`.trimEnd(),
  ]);
  const long = `   FAIL  "it works"\n${'x'.repeat(9_000)}\n`;
  assert.ok((parseUvuTotals(long + output(2, 1, 0))?.failures[0]?.length ?? 0) <= 1_000);
});

test('colours do not hide the totals', () => {
  const green = output(2, 2, 0)
    .replace('  Passed:', '\u001b[32m  Passed:')
    .replace('Skipped:   0', '\u001b[39mSkipped:   \u001b[33m0\u001b[39m');
  const asWrittenByUvu = green.replace('\n\u001b[32m', '\u001b[32m\n');
  assert.equal(parseUvuTotals(asWrittenByUvu), { passed: 2, failed: 0, skipped: 0, failures: [] });
});

test('a failure is found in what uvu itself prints', () => {
  const code =
    "import { test } from 'uvu'; test('it breaks', () => { throw new Error('on purpose'); }); test.run();";
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', code], {
    encoding: 'utf8',
  });
  const totals = parseUvuTotals(stdout);
  assert.is(totals?.failed, 1);
  assert.match(totals?.failures.join('\n') ?? '', /^ {3}FAIL {2}"it breaks"\n.*on purpose/);
});

test('a failure of a hook is found in what the suite of the tests prints', () => {
  const code = `
    import { suite } from './test/fixtures/suite.ts';
    const test = suite('of runs');
    test.before(() => { throw new Error('on purpose'); });
    test('it works', () => undefined);
    test.run();`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', code], {
    encoding: 'utf8',
  });
  const totals = parseUvuTotals(stderr + stdout);
  assert.is(totals?.failed, 1);
  assert.match(totals?.failures.join('\n') ?? '', /^✘ before of "of runs" failed: Error: on purpose/);
});

test('output that ends before the totals has no totals', () => {
  assert.is(parseUvuTotals('• • Exiting early before testing is finished.\n'), undefined);
  assert.is(parseUvuTotals(output(2, 2, 0).split('  Duration')[0] ?? ''), undefined);
});

test('only the last totals count, not those that a test prints', () => {
  assert.equal(parseUvuTotals(output(9, 9, 9) + output(1, 0, 0)), { ...noTests, failed: 1 });
});

test('a file without a result below its name ran no tests', () => {
  const lines = [
    'a/one.test.ts',
    '• •   (2 / 2)',
    '',
    'a/two.test.ts',
    '',
    'b/three.test.ts',
    ' suite  ✘   (0 / 1)',
  ];
  const files = ['a/one.test.ts', 'a/two.test.ts', 'b/three.test.ts', 'c/never-shown.test.ts'];
  assert.equal(silentFiles(lines.join('\n'), files), ['a/two.test.ts', 'c/never-shown.test.ts']);
});

test('totals are added, and the sum of none is zero', () => {
  assert.equal(addTotals(), noTests);
  const some = { passed: 1, failed: 1, skipped: 3, failures: ['a'] };
  assert.equal(addTotals(some, { passed: 10, failed: 2, skipped: 30, failures: ['b', 'c'] }), {
    ...{ passed: 11, failed: 3, skipped: 33 },
    failures: ['a', 'b', 'c'],
  });
});

test('the last line mentions skipped tests only if there are any', () => {
  assert.is(totalsLine({ passed: 3, failed: 0, skipped: 0 }), '3 passed, 0 failed');
  assert.is(totalsLine({ passed: 3, failed: 1, skipped: 2 }), '3 passed, 1 failed, 2 skipped');
});

test.run();
