import { existsSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { specBounds } from '../../../src/api/json-values.ts';
import { classKinds } from '../../../src/calls/class-kinds.ts';
import { ignoredKeywords } from '../../../src/calls/docker-keywords.ts';
import { mostOf } from '../../../src/calls/refusal.ts';
import { containerTasks, positions } from '../../../src/calls/container-call.ts';

const page = readFileSync('docs/bridge-messages.md', 'utf8');

const flat = page.replace(/\s+/g, ' ');

for (const [what, names] of [
  ['class', [...classKinds.values()]],
  ['task', Object.keys(containerTasks)],
  ['keyword without an effect', Object.keys(ignoredKeywords)],
  ['parameter', positions.filter((name) => name !== 'remove_container')],
] as const)
  test(`the page names each ${what}`, () => {
    const missing = names.filter((name) => !new RegExp(`\`${name.replaceAll('.', '\\.')}\\b`).test(page));
    assert.equal(missing, []);
  });

/** The cells of each row of the page's tables. */
const rows = page
  .split('\n')
  .filter((line) => /^\| (?!-)/.test(line))
  .map((line) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  );

/** The tests that a cell names: `` `unit/bridge/a`: a part of its name; … `` */
const testsIn = (cell: string) =>
  cell.split(/; (?=`)/).map((part) => {
    const [, file = '', name = ''] = /^`([a-z0-9/-]+)`: (.+)$/.exec(part) ?? [];
    return { part, file: `test/${file}.test.ts`, name };
  });

test('each row of the page names tests that exist', () => {
  const named = rows.filter(([, , cell]) => cell !== 'Test').flatMap(([, , cell = '']) => testsIn(cell));
  assert.ok(named.length > 100, `${named.length} tests`);
  const texts = new Map(named.map(({ file }) => [file, existsSync(file) ? readFileSync(file, 'utf8') : '']));
  const missing = named.filter(({ file, name }) => name === '' || texts.get(file)?.includes(name) !== true);
  assert.equal(
    missing.map(({ part }) => part),
    [],
  );
});

test('the page has the bounds of a run', () => {
  const [args, transforms, volumes] = [mostOf('args'), mostOf('transforms'), mostOf('volumes')];
  const text = `${args} arguments, ${transforms} inputs, outputs and streams, ${volumes} volumes and ${specBounds.bytes / 1024} KiB`;
  assert.ok(flat.includes(text), text);
});

test.run();
