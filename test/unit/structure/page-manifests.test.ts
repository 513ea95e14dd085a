import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { setKind } from '../../../src/api/names.ts';
import { parseCommandLine } from '../../../src/cli/command-line.ts';
import { commandTable } from '../../../src/cli/command-table.ts';
import { type Fields, manifestOf, parseDocuments } from '../../../src/cli/offline/manifest.ts';
import { acceptSet } from '../../../src/cli/offline/set-validation.ts';
import { acceptRun } from '../../../src/cli/offline/validation.ts';
import { readBlocks } from '../../fixtures/page-blocks.ts';
import { readPages } from './pages.ts';

/** What a reader may copy out of a page is valid: manifests as with `dockerrun validate`, and commands. */

const pages = readPages();

const blocks = pages.flatMap(({ path }) => readBlocks(path));

const isManifest = (text: string) => /^kind: DockerRun(Set)?$/m.test(text) && /^apiVersion: /m.test(text);

function accept(run: Fields, page: string): void {
  if (run['kind'] === setKind) acceptSet(run, page);
  else acceptRun(run, page);
}

const manifests = blocks.filter(({ language, text }) => language === 'yaml' && isManifest(text));

test('the manifests in the pages are found', () => {
  const found = new Set(manifests.map(({ page }) => page));
  for (const page of ['README.md', 'docs/sets.md', 'docs/gitops.md', 'docs/how-to/big-files.md'])
    assert.ok(found.has(page), page);
  assert.ok(manifests.length > 15, `${manifests.length} manifests`);
});

for (const { page, text } of manifests) {
  const [, name = ''] = /(?:generateN|n)ame: ([\w-]+)/.exec(text) ?? [];
  test(`the manifest ${name} in ${page} is valid`, () => {
    const { runs } = manifestOf(parseDocuments(text, page), page);
    assert.ok(runs.length > 0);
    for (const run of runs) accept(run, page);
  });
}

/** Where a command begins: at the start of a line, behind a prompt or variables, or after another command. */
const beginning = /(?:^|[;&|] )(?:\$ )?(?:[A-Z_]+=\S+ )*(?:kubectl )?dockerrun ([a-z][a-z-]*)([^;&|\n]*)/gm;

type Use = { readonly page: string; readonly command: string; readonly rest: string };

function usesIn(page: string, text: string): Use[] {
  return [...text.matchAll(beginning)].map(([, command = '', rest = '']) => ({ page, command, rest }));
}

const uses = [
  ...blocks
    .filter(({ language }) => language === 'sh' || language === 'console')
    .flatMap(({ page, text }) => usesIn(page, text)),
  ...pages
    // A decision also names what was not made.
    .filter(({ path }) => !path.startsWith('docs/decisions/'))
    .flatMap(({ path, codeSpans }) => codeSpans.flatMap((code) => usesIn(path, code))),
];

test('every command of dockerrun that a page names exists, with its options', () => {
  assert.ok(uses.length > 50, `${uses.length} uses`);
  const unknown = uses.filter(({ command, rest }) => {
    const spec = commandTable.find(({ name }) => name === command);
    const options = [...rest.matchAll(/ --([a-z-]+)/g)].map(([, option]) => option);
    const known = new Set(spec?.options.map(({ name }) => name));
    return spec === undefined || options.some((option) => option !== 'help' && !known.has(option ?? ''));
  });
  assert.equal(unknown, []);
});

/** The words of a command line as a shell makes them, up to a pipe, a redirection or a comment. */
function wordsOf(line: string): string[] {
  const [own = ''] = line.split(/ +(?:#|[|>&]+ )/);
  return [...own.matchAll(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g)].map(([word]) => word.replaceAll(/['"]/g, ''));
}

test('every command line of dockerrun in a block is accepted by the program, with its values', () => {
  const lines = blocks
    .filter(({ language }) => language === 'sh' || language === 'console')
    // The first line of the help of a command is its form.
    .flatMap(({ text, page }) => text.split('\n').slice(page === 'docs/commands.md' ? 1 : 0))
    .flatMap((line) => /^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:kubectl )?dockerrun (.*)$/.exec(line)?.[1] ?? []);
  assert.ok(lines.length > 30, `${lines.length} lines`);
  for (const line of lines) parseCommandLine(wordsOf(line), commandTable);
});

test.run();
