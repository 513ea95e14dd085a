import { existsSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const defects = 20;
/** The rows of the original's behaviour at its pipes, and many streams at once. */
const habits = 13;

type Row = { readonly subject: string; readonly file: string; readonly words: string };

const [defectRows = [], habitRows = []] = readFileSync('docs/defects.md', 'utf8')
  .split(/^## /m)
  .slice(1)
  .map((section) => section.split('\n').flatMap(rowOf));

function rowOf(line: string): Row[] {
  const [, subject = '', file = '', words = ''] =
    /^\| ([^|]+?) +\|.*\| `([^`]+)`: (.+?) +\|$/.exec(line) ?? [];
  return words === '' ? [] : [{ subject, file: `test/${file}.test.ts`, words }];
}

test('every defect of the original, and everything that targets do to pipes, has a test', () => {
  const expected = Array.from({ length: defects }, (_, index) => `D${index + 1}`);
  assert.equal([...new Set(defectRows.map(({ subject }) => subject))], expected);
  assert.ok(habitRows.length >= habits, `${habitRows.length} rows`);
});

test('the tests that docs/defects.md names are there', () => {
  const missing = [...defectRows, ...habitRows].filter(
    ({ file, words }) => !existsSync(file) || !readFileSync(file, 'utf8').includes(words),
  );
  assert.equal(missing, []);
});

test('a test that is named after a defect is listed for it', () => {
  const listed = new Set(defectRows.map(({ subject, words }) => `${subject}: ${words}`));
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
