import { existsSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const defects = 20;
/** Minimum rows about how targets use pipes, and about many streams at once. */
const habits = 13;

type Row = { readonly subject: string; readonly file: string; readonly testName: string };

const [defectRows = [], habitRows = []] = readFileSync('docs/defects.md', 'utf8')
  .split(/^## /m)
  .slice(1)
  .map((section) => section.split('\n').flatMap(rowOf));

function rowOf(line: string): Row[] {
  const [, subject = '', file = '', testName = ''] =
    /^\| ([^|]+?) +\|.*\| `([^`]+)`: (.+?) +\|$/.exec(line) ?? [];
  return testName === '' ? [] : [{ subject, file: `test/${file}.test.ts`, testName }];
}

test('every defect of the original, and every way in which targets use pipes, has a test', () => {
  const expected = Array.from({ length: defects }, (_, index) => `D${index + 1}`);
  assert.equal([...new Set(defectRows.map(({ subject }) => subject))], expected);
  assert.ok(habitRows.length >= habits, `${habitRows.length} rows`);
});

test('every test that docs/defects.md names exists', () => {
  const missing = [...defectRows, ...habitRows].filter(
    ({ file, testName }) => !existsSync(file) || !readFileSync(file, 'utf8').includes(testName),
  );
  assert.equal(missing, []);
});

test('a test whose name starts with the number of a defect is listed for that defect', () => {
  const listed = new Set(defectRows.map(({ subject, testName }) => `${subject}: ${testName}`));
  const files = new Set(defectRows.map(({ file }) => file));
  const named = [...files].flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/^ *test\(\s*['`](D\d+: [^'`$]+)['`]/gm)].map(
      ([, name = '']) => name,
    ),
  );
  assert.ok(named.length >= defects, `${named.length} tests`);
  assert.equal(
    named.filter((name) => !listed.has(name)),
    [],
  );
});

test.run();
