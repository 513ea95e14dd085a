import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseAllDocuments } from 'yaml';
import { isRecord } from '../../../src/api/json-values.ts';
import { jsonSchemas } from '../../../scripts/json-schemas.ts';

const ajv = new Ajv({ strict: true, strictRequired: false, allErrors: true, allowUnionTypes: true });
for (const { file, schema } of jsonSchemas()) ajv.addSchema(schema, file);

const validate = validatorOf('manifest.json');

function validatorOf(file: string): ValidateFunction {
  const found = ajv.getSchema(file);
  if (found === undefined) throw new Error(`${file} is no schema`);
  return found;
}

/** Why an object does not fit, with the path of each fault; empty if it fits. */
function faultsOf(value: unknown): string[] {
  if (validate(value) === true) return [];
  return (validate.errors ?? []).map(({ instancePath, message, params }) =>
    [instancePath, message, JSON.stringify(params)].join(' '),
  );
}

const ours = (value: unknown): value is Record<string, unknown> =>
  isRecord(value) && String(value['apiVersion']).startsWith('dockerrun.dev/');

/** Examples with `${…}` are for envsubst. */
function documentsOf(text: string): unknown[] {
  const complete = text
    .replaceAll('${GIRDER_API_URL}', 'https://data.example.org/api/v1')
    .replace(/\$\{[^}]+\}/g, 'f11e00000000000000000001');
  return [...parseAllDocuments(complete)].map((document): unknown => document.toJS());
}

const examples = globSync('{examples,deploy}/**/*.yaml').filter(
  (path) => !path.startsWith('deploy/chart/') && path !== 'deploy/install.yaml',
);

/** Blocks of pages that are whole objects. */
const blocks = globSync(['README.md', 'docs/**/*.md']).flatMap((page) =>
  [...readFileSync(page, 'utf8').matchAll(/^```yaml\n([^]*?)^```/gm)]
    .map(([, text = '']) => ({ page, text }))
    .filter(({ text }) => text.startsWith('apiVersion: dockerrun.dev/')),
);

test('every object of the examples fits its schema', () => {
  let count = 0;
  for (const path of examples)
    for (const object of documentsOf(readFileSync(path, 'utf8')).filter(ours)) {
      assert.equal(faultsOf(object), [], path);
      count += 1;
    }
  assert.ok(count > 40, `${count} objects`);
});

test('every object in the pages fits its schema', () => {
  assert.ok(blocks.length > 3);
  for (const { page, text } of blocks)
    for (const object of documentsOf(text).filter(ours)) assert.equal(faultsOf(object), [], page);
});

test('every example says to an editor where its schema is', () => {
  for (const path of globSync('examples/**/*.yaml')) {
    const schema = join(relative(dirname(path), '.'), 'schemas/manifest.json');
    assert.ok(readFileSync(path, 'utf8').includes(`\n# yaml-language-server: $schema=${schema}\n`), path);
  }
});

const run = (spec: object) => ({
  apiVersion: 'dockerrun.dev/v1alpha1',
  kind: 'DockerRun',
  metadata: { name: 'a' },
  spec: { image: 'a', ...spec },
});

for (const [what, value, words] of [
  ['an unknown field', run({ comand: [] }), /\/spec .*comand/],
  ['a wrong type', run({ args: 'a' }), /\/spec\/args must be array/],
  [
    'a word that is not one of the list',
    run({ imagePullPolicy: 'Sometimes' }),
    /\/spec\/imagePullPolicy .*Always/,
  ],
  [
    'a transform of two kinds',
    run({ transforms: [{ name: 'a', progressPipe: {}, connect: {} }] }),
    /exactly one/,
  ],
  ['a transform of no kind', run({ transforms: [{ name: 'a' }] }), /exactly one/],
  [
    'a number for an ID',
    run({ transforms: [{ name: 'a', girderFileIdToVolume: { fileId: 1 } }] }),
    /must be string/,
  ],
  [
    'another version',
    { ...run({}), apiVersion: 'dockerrun.dev/v2' },
    /\/apiVersion must be equal to constant/,
  ],
  ['an object without a name', { ...run({}), metadata: {} }, /\/metadata .*name/],
] as const)
  test(`${what} does not fit`, () => {
    assert.match(faultsOf(value).join('\n'), words);
  });

test('fields with a default may be absent, and quantities may be numbers', () => {
  const spec = {
    volumes: [{ name: 'a', bindMount: { hostPath: '/a', containerPath: '/b' } }],
    resources: { limits: { cpu: 2, memory: '1Gi' } },
  };
  assert.equal(faultsOf(run(spec)), []);
});

test('other objects in a file are not checked', () => {
  assert.equal(faultsOf({ apiVersion: 'v1', kind: 'Secret', data: {} }), []);
});

test('no keyword of Kubernetes is left in a schema', () => {
  for (const { file, schema } of jsonSchemas())
    assert.not.match(JSON.stringify(schema), /"x-kubernetes-/, file);
});

test.run();
