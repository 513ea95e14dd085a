import { basename } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readPage, readPages } from './pages.ts';

const folder = 'docs/decisions';
const records = readPages().filter(({ path }) => /^docs\/decisions\/\d/.test(path));

test('the list of decisions has each record once, with its number and title', () => {
  const expected = records.map(({ path, lines: [headline = ''] }) => {
    const [number, title] = headline.replace('# ', '').split(/\. (.*)/);
    assert.is(Number(basename(path).slice(0, 4)), Number(number), path);
    return `${number}. [${title}](${basename(path)})`;
  });
  assert.ok(expected.length > 20);
  assert.equal(
    readPage(`${folder}/README.md`).lines.filter((line) => /^\d+\. /.test(line)),
    expected,
  );
});

for (const { path, lines } of records) {
  test(`${basename(path)} has a date, a status, a context and a decision`, () => {
    assert.match(
      lines[2] ?? '',
      /^\d{4}-\d\d-\d\d · (Accepted|Superseded (in part )?by \[\d+\]\(\d{4}-[\w-]+\.md\))$/,
    );
    const parts = lines.flatMap((line) => /^\*\*([^.*]+)/.exec(line)?.[1] ?? []);
    assert.equal(parts.slice(0, 2), ['Context', 'Decision']);
  });
}

test.run();
