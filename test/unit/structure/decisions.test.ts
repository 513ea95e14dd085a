import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const folder = 'docs/decisions';

test('the list of decisions has each record once, by its number and its headline', () => {
  const records = globSync(`${folder}/[0-9]*.md`).toSorted();
  const expected = records.map((path) => {
    const [headline = ''] = readFileSync(path, 'utf8').split('\n');
    const [number, title] = headline.replace('# ', '').split(/\. (.*)/);
    assert.is(Number(basename(path).slice(0, 4)), Number(number), path);
    return `${number}. [${title}](${basename(path)})`;
  });
  const listed = readFileSync(`${folder}/README.md`, 'utf8').split('\n');
  assert.equal(
    listed.filter((line) => /^\d+\. /.test(line)),
    expected,
  );
});

test.run();
