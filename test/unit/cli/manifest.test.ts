import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { chooseRun, manifestOf, nameOf, parseDocuments } from '../../../src/cli/offline/manifest.ts';

const run = (name: string) =>
  `apiVersion: dockerrun.dev/v1alpha1\nkind: DockerRun\nmetadata: {name: ${name}}\n`;
const secret = 'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n';
const settings = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n';

const manifest = (...documents: string[]) =>
  manifestOf(parseDocuments(documents.join('---\n'), 'f.yaml'), 'f.yaml');
const chosen = (name: string | undefined, ...documents: string[]) =>
  nameOf(chooseRun(manifest(...documents), name));

test('runs, Secrets and ConfigMaps are found among other documents, which are listed as ignored', () => {
  const service = settings.replace('ConfigMap', 'Service');
  const { runs, secrets, configMaps, ignored } = manifest(settings, run('a'), '', secret, service);
  assert.equal(
    [runs, secrets, configMaps].map(({ length }) => length),
    [1, 1, 1],
  );
  assert.equal(ignored, ['Service/c']);
});

test('JSON and Lists are read', () => {
  const items = [
    { apiVersion: 'dockerrun.dev/v1alpha1', kind: 'DockerRun', metadata: { generateName: 'a-' } },
  ];
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  assert.is(chosen(undefined, list), 'a-');
});

test('the only run is chosen, or the one with the given name', () => {
  assert.is(chosen(undefined, run('a'), secret), 'a');
  assert.is(chosen('b', run('a'), run('b')), 'b');
});

for (const [what, name, documents, sentence] of [
  ['no run', undefined, [secret], 'f.yaml: contains no DockerRun and no DockerRunSet'],
  ['an empty file', undefined, ['# nothing\n'], 'f.yaml: contains no DockerRun and no DockerRunSet'],
  [
    'two runs',
    undefined,
    [run('a'), run('b')],
    'f.yaml: contains 2 DockerRuns (a, b); choose one with --name',
  ],
  [
    'no such run',
    'c',
    [run('a'), run('b')],
    'f.yaml: contains no DockerRun or DockerRunSet named c, only a, b',
  ],
  [
    'a run and a set',
    undefined,
    [run('a'), run('b').replace('DockerRun', 'DockerRunSet')],
    'f.yaml: contains 2 DockerRunSets and DockerRuns (a, b); choose one with --name',
  ],
  ['one name twice', 'a', [run('a'), run('a')], 'f.yaml: contains 2 DockerRuns named a'],
  [
    'a later version',
    undefined,
    [run('a').replace('v1alpha1', 'v2')],
    'f.yaml: DockerRun a has apiVersion dockerrun.dev/v2, but this dockerrun supports only dockerrun.dev/v1alpha1',
  ],
  ['a string', undefined, ['hello\n'], 'f.yaml: every document must be an object with apiVersion and kind'],
  [
    'no kind',
    undefined,
    ['apiVersion: v1\n'],
    'f.yaml: every document must be an object with apiVersion and kind',
  ],
  ['broken YAML', undefined, ['a: [1\nb: 2\n'], /^f\.yaml: .* at line \d+, column \d+$/],
  [
    'UTF-16',
    undefined,
    [Buffer.from(`\ufeff${run('a')}`, 'utf16le').toString('utf8')],
    'f.yaml: this is not text in UTF-8; save it in that encoding',
  ],
  ['a key twice', undefined, ['kind: a\nkind: b\n'], /^f\.yaml: Map keys must be unique at line 2/],
  ['an unknown alias', undefined, ['kind: *a\n'], /^f\.yaml: .*alias/],
] as const) {
  test(`${what} is refused with one line`, () => {
    try {
      chosen(name, ...documents);
      assert.unreachable();
    } catch (error) {
      const { message } = error as Error;
      if (typeof sentence === 'string') assert.is(message, sentence);
      else assert.match(message, sentence);
      assert.not.match(message, '\n');
    }
  });
}

test.run();
