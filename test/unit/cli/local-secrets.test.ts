import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LocalSecrets, readSecrets, secretVariable } from '../../../src/cli/local/local-secrets.ts';
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

/** The message of the error that `work` throws. */
function message(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}

test('data is decoded, and stringData takes precedence', () => {
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

test('the data of a ConfigMap is text, and its binaryData is decoded', () => {
  const binaryData = { b: Buffer.from('B').toString('base64') };
  const maps = read({ ...document('c', { data: { a: 'A' }, binaryData }), kind: 'ConfigMap' });
  const values = new LocalSecrets(new Map(), {}, 'f.yaml', maps);
  assert.is(values.configMapValue({ name: 'c', key: 'a' }, 'spec.env[0]'), 'A');
  assert.is(values.configMapValue({ name: 'c', key: 'b' }, 'spec.env[0]'), 'B');
  assert.is(
    message(() => values.configMapValue({ name: 'c', key: 'nosuch' }, 'spec.env[0]')),
    'spec.env[0]: the key nosuch of the ConfigMap c is not in f.yaml',
  );
});

test('a volume has all keys of its Secret or ConfigMap, or the chosen ones', () => {
  const values = secrets({}, document('s', { stringData: { a: 'A', b: 'B' } }));
  const filesOf = (secret: object) =>
    Object.fromEntries(
      values.filesOf({ name: 'v', secret: { secretName: 's', containerPath: '/s', ...secret } }),
    );
  assert.equal(filesOf({}), { a: 'A', b: 'B' });
  assert.equal(filesOf({ items: [{ key: 'b', path: 'sub/b' }] }), { 'sub/b': 'B' });
  assert.match(
    message(() => filesOf({ secretName: 'other' })),
    /^spec\.volumes: v: the Secret other is not in f\.yaml$/,
  );
  const bytes = { data: { k: Buffer.from([0xff]).toString('base64') } };
  const binary = secrets({}, document('s', bytes));
  assert.match(
    message(() => binary.filesOf({ name: 'v', secret: { secretName: 's', containerPath: '/s' } })),
    /k is not UTF-8/,
  );
});

test('a Secret of another namespace is ignored', () => {
  const metadata = (namespace: string) => ({ metadata: { name: 's', namespace } });
  assert.is(read(document('s', metadata('other'))).size, 0);
  assert.is(read(document('s', metadata('lab')), document('s', metadata('other'))).size, 1);
});

for (const [what, more, sentence] of [
  [
    'a value that is not base64',
    { data: { key: 'geheim!' } },
    /Secret s: the value of data\.key is not base64/,
  ],
  ['a value that is not a string', { stringData: { key: 1234567 } }, /stringData\.key must be a string/],
  ['data that is not a map', { data: 'geheim' }, /data must be a map/],
  ['no name', { metadata: {} }, /no metadata\.name/],
] as const) {
  test(`a Secret with ${what} is refused with a message that does not quote the value`, () => {
    const text = message(() => read(document('s', more)));
    assert.match(text, sentence);
    assert.not.match(text, /geheim|1234567/);
  });
}

test('two Secrets with the same name are refused', () => {
  assert.match(
    message(() => read(document('s', {}), document('s', {}))),
    /contains two Secrets named s/,
  );
});

test('a key is read from the file, else from its environment variable', () => {
  assert.is(secretVariable('my-secret', 'api.key'), 'DOCKERRUN_SECRET_MY_SECRET_API_KEY');
  const environment = { DOCKERRUN_SECRET_S_K: 'from outside', DOCKERRUN_SECRET_S_L: '' };
  const both = secrets(environment, document('s', { stringData: { k: 'from the file' } }));
  assert.is(both.value({ name: 's', key: 'k' }, 'spec'), 'from the file');
  assert.is(both.value({ name: 's', key: 'l' }, 'spec'), '');
  assert.is(secrets(environment).value({ name: 's', key: 'k' }, 'spec'), 'from outside');
});

test('the message for a missing key names the file and the variable', () => {
  const text = message(() => secrets({}).value({ name: 's', key: 'k' }, 'spec.env[0]'));
  assert.is(
    text,
    'spec.env[0]: the key k of the Secret s is neither in f.yaml nor in the environment variable DOCKERRUN_SECRET_S_K',
  );
});

test('credentials for Girder are read from the Secret, else from the environment', () => {
  const environment = { GIRDER_TOKEN: ' t \n' };
  const inFile = secrets(environment, document('girder', { stringData: { apiKey: 'key\n' } }));
  assert.equal(inFile.girderCredentials('girder'), { apiKey: 'key' });
  assert.equal(inFile.girderCredentials('other'), { token: 't' });
  assert.equal(secrets({ GIRDER_API_KEY: 'k', GIRDER_TOKEN: 't' }).girderCredentials('a'), { apiKey: 'k' });
});

test('the message for missing credentials names both sources, or the incomplete Secret', () => {
  assert.match(
    message(() => secrets({}).girderCredentials('girder')),
    /f\.yaml does not contain the Secret girder, and neither GIRDER_API_KEY nor GIRDER_TOKEN is set/,
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

test('pull secrets that are not in the file are ignored', () => {
  const some = secrets({}, document('registry', { stringData: { '.dockerconfigjson': '{}' } }));
  assert.equal(some.pullSecrets([{ name: 'registry' }, { name: 'other' }]), [
    { name: 'registry', data: { '.dockerconfigjson': '{}' } },
  ]);
});

test.run();
