import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Page, readPage, readPages } from './pages.ts';

const pages = readPages();

/** In characters; a longer cell is prose that belongs below the table. */
const longestCell = 150;

function isDead(page: Page, link: string): boolean {
  if (/^[a-z]+:/.test(link)) return false;
  const [file = '', anchor] = link.split('#');
  const path = file === '' ? page.path : posix.join(posix.dirname(page.path), file);
  if (!existsSync(path)) return true;
  return anchor !== undefined && !readPage(path).anchors.includes(anchor);
}

test('the pages are found', () => {
  for (const path of ['README.md', '.github/pull_request_template.md', 'test/cluster/README.md'])
    assert.ok(
      pages.some((page) => page.path === path),
      path,
    );
  assert.ok(pages.flatMap(({ links }) => links).length > 100);
  assert.ok(pages.flatMap(({ rows }) => rows).length > 100);
});

test('every relative link points to a file, and every anchor to a heading', () => {
  const dead = pages.flatMap((page) =>
    page.links.filter((link) => isDead(page, link)).map((link) => `${page.path}: ${link}`),
  );
  assert.equal(dead, []);
});

test('every path of the project that a code span names exists', () => {
  const isPath = (code: string) =>
    /^(bench|crds|deploy|docs|examples|scripts|src|test)\/[\w./-]+$/.test(code);
  const missing = pages.flatMap(({ path, codeSpans }) =>
    codeSpans.filter((code) => isPath(code) && !existsSync(code)).map((code) => `${path}: ${code}`),
  );
  assert.equal(missing, []);
});

test('no table cell is longer than 150 characters', () => {
  const long = pages.flatMap(({ path, rows }) =>
    rows
      .flat()
      .filter((cell) => cell.length > longestCell)
      .map((cell) => `${path}: ${cell}`),
  );
  assert.equal(long, []);
});

test.run();
