import { globSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Block, readBlocks } from '../../fixtures/page-blocks.ts';
import { blocksNotRun } from './blocks-not-run.ts';
import { readPages } from './pages.ts';

/** Every fenced block of every page is taken by a test, or stands on the list with a reason. */

const blocks = readPages().flatMap(({ path }) => readBlocks(path));

/** A call in a test that takes blocks of a page: those with a text, or those in a language. */
type Taken = {
  readonly file: string;
  readonly page: string;
  readonly by: 'words' | 'language';
  readonly text: string;
};

const call = /\b(pageBlocks?)\(\s*(['"])(\S+?\.md)\2,\s*(['"])(.*?)\4,?\s*\)/g;

function callsIn(file: string): Taken[] {
  return [...readFileSync(file, 'utf8').matchAll(call)].map(([, name, , page = '', , text = '']) => ({
    ...{ file, page, text },
    by: name === 'pageBlock' ? 'words' : 'language',
  }));
}

const taken = globSync('test/**/*.ts').flatMap(callsIn);

const isTaken = (block: Block, { page, by, text }: Taken) =>
  block.page === page && (by === 'words' ? block.text.includes(text) : block.language === text);

const isListed = (block: Block, { page, words = '' }: (typeof blocksNotRun)[number]) =>
  block.page === page && block.text.includes(words);

const nameOf = ({ page, language, text }: Block) => `${page}: ${language} ${text.slice(0, 80)}`;

test('the blocks are found, and the calls in tests that take them', () => {
  assert.ok(blocks.length > 100, `${blocks.length} blocks`);
  assert.ok(taken.length > 10, `${taken.length} calls`);
});

test('every call in a test is read here, and takes a block', () => {
  const uses = globSync('test/**/*.ts')
    .filter((file) => file !== 'test/fixtures/page-blocks.ts' && !file.endsWith('/page-blocks.test.ts'))
    .flatMap((file) => readFileSync(file, 'utf8').match(/\bpageBlocks?\(/g) ?? []);
  assert.is(taken.length, uses.length, 'a call has arguments that are no literals');
  assert.equal(
    taken.filter((one) => !blocks.some((block) => isTaken(block, one))),
    [],
  );
});

test('every block of a page is taken by a test, or on the list of those that are not run', () => {
  const others = blocks.filter(
    (block) => !taken.some((one) => isTaken(block, one)) && !blocksNotRun.some((one) => isListed(block, one)),
  );
  assert.equal(others.map(nameOf), []);
});

test('the list has no block that a test takes, and none that is gone', () => {
  const wrong = blocksNotRun.filter((one) => {
    const own = blocks.filter((block) => isListed(block, one));
    return own.length === 0 || own.some((block) => taken.some((by) => isTaken(block, by)));
  });
  assert.equal(wrong, []);
});

test.run();
