import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LocalSecrets, readSecrets, secretVariable } from '../../../src/cli/local-secrets.ts';
import { RunError } from '../../../src/support/errors.ts';

const document = (name: string, more: object) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  ...more,
});
const read = (...documents: Record<string, unknown>[]) =>
  readSecrets(documents, { namespace: 'lab', file: 'f.yaml' });
const secrets = (environment: NodeJS.ProcessEnv, ...documents: Record<string, unknown>[]) =>
  new LocalSecrets(read(...documents), environment, 'f.yaml');

/** The message of what is thrown. */
function message(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}

test('data is decoded, and stringData goes before it', () => {
  const data = { a: Buffer.from('A\n').toString('base64'), b: Buffer.from('B').toString('base64') };
  const found = read(document('s', { data, stringData: { b: 'other' } })).get('s');
  assert.equal(
    [...(found ?? [])],
    [
      ['a', 'A\n'],
      ['b', 'other'],
    ],
  );
});

test('a Secret of another namespace is not the one of the run', () => {
  const metadata = (namespace: string) => ({ metadata: { name: 's', namespace } });
  assert.is(read(document('s', metadata('other'))).size, 0);
  assert.is(read(document('s', metadata('lab')), document('s', metadata('other'))).size, 1);
});

for (const [what, more, sentence] of [
  [
    'a value that is no base64',
    { data: { key: 'geheim!' } },
    /Secret s: the value of data\.key is no base64/,
  ],
  ['a value that is no text', { stringData: { key: 1234567 } }, /stringData\.key must be a text/],
  ['data that is no map', { data: 'geheim' }, /data must be a map/],
  ['no name', { metadata: {} }, /no metadata\.name/],
] as const) {
  test(`a Secret with ${what} is one sentence that does not tell the value`, () => {
    const said = message(() => read(document('s', more)));
    assert.match(said, sentence);
    assert.not.match(said, /geheim|1234567/);
  });
}

test('two Secrets of one name are refused', () => {
  assert.match(
    message(() => read(document('s', {}), document('s', {}))),
    /two Secrets with the name s/,
  );
});

test('a key comes from the file, else from the variable that is named after it', () => {
  assert.is(secretVariable('my-secret', 'api.key'), 'DOCKERRUN_SECRET_MY_SECRET_API_KEY');
  const environment = { DOCKERRUN_SECRET_S_K: 'from outside', DOCKERRUN_SECRET_S_L: '' };
  const both = secrets(environment, document('s', { stringData: { k: 'from the file' } }));
  assert.is(both.value({ name: 's', key: 'k' }, 'spec'), 'from the file');
  assert.is(both.value({ name: 's', key: 'l' }, 'spec'), '');
  assert.is(secrets(environment).value({ name: 's', key: 'k' }, 'spec'), 'from outside');
});

test('a key that is nowhere names both places', () => {
  const said = message(() => secrets({}).value({ name: 's', key: 'k' }, 'spec.env[0]'));
  assert.is(
    said,
    'spec.env[0]: the key k of the Secret s is neither in f.yaml nor in the environment variable DOCKERRUN_SECRET_S_K',
  );
});

test('credentials for Girder come from the Secret, else from the environment', () => {
  const environment = { GIRDER_TOKEN: ' t \n' };
  const inFile = secrets(environment, document('girder', { stringData: { apiKey: 'key\n' } }));
  assert.equal(inFile.girderCredentials('girder'), { apiKey: 'key' });
  assert.equal(inFile.girderCredentials('other'), { token: 't' });
  assert.equal(secrets({ GIRDER_API_KEY: 'k', GIRDER_TOKEN: 't' }).girderCredentials('a'), { apiKey: 'k' });
});

test('credentials that are nowhere name both ways, and a Secret without them is told', () => {
  assert.match(
    message(() => secrets({}).girderCredentials('girder')),
    /f\.yaml.*GIRDER_API_KEY or GIRDER_TOKEN/,
  );
  const empty = secrets({ GIRDER_API_KEY: 'k' }, document('girder', { stringData: { apikey: 'k' } }));
  assert.match(
    message(() => empty.girderCredentials('girder')),
    /neither the key apiKey nor the key token/,
  );
  assert.throws(
    () => empty.girderCredentials('girder'),
    (error: Error) => error instanceof RunError,
  );
});

test('pull secrets that the file does not hold are done without', () => {
  const some = secrets({}, document('registry', { stringData: { '.dockerconfigjson': '{}' } }));
  assert.equal(some.pullSecrets([{ name: 'registry' }, { name: 'other' }]), [
    { name: 'registry', data: { '.dockerconfigjson': '{}' } },
  ]);
});

test.run();
