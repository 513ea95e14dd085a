import { existsSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readPage } from './pages.ts';

const rows = readPage('docs/sets-cases.md').rows.filter(([head]) => head !== 'Situation');

test('every row of docs/sets-cases.md names a test that exists', () => {
  assert.ok(rows.length > 40, `${rows.length} rows`);
  const missing = rows.filter(([, file = '', name = '']) => {
    const path = `test/${file.replaceAll('`', '')}.test.ts`;
    if (!existsSync(path)) return true;
    const text = readFileSync(path, 'utf8');
    return !["'", '`'].some((quote) => text.includes(`test(${quote}${name}`));
  });
  assert.equal(missing, []);
});

test('no row of docs/sets-cases.md is there twice', () => {
  const names = rows.map(([, file, name]) => `${file} ${name}`);
  assert.equal(new Set(names).size, names.length);
});

test.run();
