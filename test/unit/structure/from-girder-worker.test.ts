import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { dockerOptionNames } from '../../../src/api/docker/option-risks.ts';
import { dockerOptions } from '../../../src/api/docker/options.ts';
import { hookKinds } from '../../../src/api/hooks.ts';
import { isRecord } from '../../../src/api/json-values.ts';
import { dockerRunSpec } from '../../../src/api/spec.ts';
import { transformKinds } from '../../../src/api/transforms.ts';
import { volumeKinds } from '../../../src/api/volumes.ts';
import { pageBlock } from '../../fixtures/page-blocks.ts';
import { acceptRun } from '../../../src/cli/offline/validation.ts';

const page = readFileSync('docs/from-girder-worker.md', 'utf8');
const examples = globSync('examples/girder-worker/*.yaml').toSorted();

/** The names in code spans of the page, outside its fenced examples. */
const named = new Set(
  [...page.replace(/^```[^]*?^```/gm, '').matchAll(/`([^`]+)`/g)].flatMap(
    ([, code = '']) => code.match(/[A-Za-z_][\w.]*/g) ?? [],
  ),
);
const inCode = (name: string) => [...named].some((path) => path.split('.').includes(name));

function readExample(path: string): Record<string, unknown> {
  const value: unknown = parse(readFileSync(path, 'utf8'));
  assert.ok(isRecord(value), `${path} is not an object`);
  return value;
}

/** The kinds of input and output that the connect transform takes. */
function connectEnds(): string[] {
  const { input, output } = transformKinds.connect.properties;
  return [...Object.keys(input.properties), ...Object.keys(output.properties)];
}

test('the page names every kind of volume, transform, stream and hook', () => {
  const kinds = [volumeKinds, transformKinds, hookKinds].flatMap((union) => Object.keys(union));
  const missing = [...kinds, ...connectEnds()].filter((kind) => !inCode(kind));
  assert.equal(missing, []);
});

test('the page names every option of docker, and no unknown one', () => {
  const missing = dockerOptionNames.filter((option) => !named.has(`docker.${option}`));
  assert.equal(missing, []);
  const unknown = [...named].filter(
    (path) => /^docker\./.test(path) && !Object.hasOwn(dockerOptions.properties, path.slice(7)),
  );
  assert.equal(unknown, []);
});

test('the page names every field of the spec', () => {
  const missing = Object.keys(dockerRunSpec.properties).filter((field) => !inCode(field));
  assert.equal(missing, []);
});

test('every example that the page links to exists, and every example is linked', () => {
  const linked = [...page.matchAll(/\(\.\.\/(examples\/girder-worker\/[^)]+)\)/g)].map(([, path]) => path);
  assert.equal([...new Set(linked)].toSorted(), examples);
});

test('the manifest at the top of the page is the first example', () => {
  const block = pageBlock('docs/from-girder-worker.md', 'name: docker-run');
  assert.equal(parse(block), readExample(examples[0] ?? ''));
});

test('every example runs in an end-to-end test', () => {
  const tests = globSync('test/e2e/examples-girder-worker*.test.ts').map((path) =>
    readFileSync(path, 'utf8'),
  );
  const names = examples.map((path) => `'${basename(path, '.yaml')}'`);
  assert.equal(
    names.filter((name) => !tests.some((text) => text.includes(`file: ${name}`))),
    [],
  );
});

for (const path of examples) {
  test(`${path} is accepted, starts with a comment that describes it, and is named like its run`, () => {
    acceptRun(readExample(path), path);
    assert.match(readFileSync(path, 'utf8'), /^# \S/);
    const { metadata } = readExample(path) as { metadata: { name: string } };
    assert.is(`${metadata.name}.yaml`, basename(path).replace(/^\d\d-/, ''));
  });
}

test.run();
