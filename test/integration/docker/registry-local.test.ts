import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { ensureImage } from '../../../src/docker/pull/ensure-image.ts';
import { dockerConfigDirectory, localAuths } from '../../../src/docker/pull/local-auths.ts';
import { ociImage } from '../../fixtures/oci-image.ts';
import { Registry } from '../../fixtures/registry.ts';
import { engineUnderTest, failureOf, never } from './engine-under-test.ts';

const root = await mkdtemp(join(tmpdir(), 'dockerrun-test-'));
const programs = join(root, 'bin');
await mkdir(programs);
process.env['PATH'] = `${programs}${delimiter}${process.env['PATH'] ?? ''}`;

/** A directory with this content as its config.json. */
async function configured(config: unknown): Promise<string> {
  const directory = await mkdtemp(join(root, 'config-'));
  const text = typeof config === 'string' ? config : JSON.stringify(config);
  await writeFile(join(directory, 'config.json'), text);
  return directory;
}

/** Puts a credential helper on the PATH. */
async function helper(name: string, script: string): Promise<void> {
  const path = join(programs, `docker-credential-${name}`);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

async function authsOf(config: unknown, image = 'reg.example.org/x') {
  return localAuths(image, { directory: await configured(config), signal: never });
}

test("an image is pulled with the passwords from Docker's configuration", async () => {
  const engine = await engineUnderTest();
  await using registry = await Registry.start();
  const image = await registry.push('lab/local', ociImage({ data: Buffer.from('1') }, ['/data']));
  const pull = { image, policy: 'IfNotPresent', onProgress: () => undefined } as const;
  const context = { engine, signal: never };
  const failure = await failureOf(ensureImage(context, { ...pull, auths: await authsOf({}, image) }));
  assert.match(failure.message, `docker login ${registry.host}`);
  const auths = await authsOf(registry.dockerConfig(), image);
  assert.match(await ensureImage(context, { ...pull, auths }), /^sha256:/);
  await engine.docker.getImage(image).remove({ force: true });
});

test('a machine without a configuration has no credentials', async () => {
  const { entries } = await localAuths('x', { directory: join(root, 'nowhere'), signal: never });
  assert.equal(entries, []);
  assert.is(dockerConfigDirectory({ DOCKER_CONFIG: '/d' }), '/d');
});

test('a configuration that is not JSON is named in the error, without its contents', async () => {
  const failure = await failureOf(authsOf('{s3cret'));
  assert.is(failure.reason, 'SecretIncomplete');
  assert.match(failure.message, 'config.json');
  assert.not.match(failure.message, 's3cret');
});

test("a credential helper is asked by registry address, the registry's own helper before the common one", async () => {
  const answer = `read -r address; printf '{"ServerURL":"%s","Username":"%s","Secret":"%s"}' "$address"`;
  await helper('one', `${answer} me "$1 for $address"`);
  await helper('all', `${answer} '<token>' "$1 for $address"`);
  const config = {
    auths: { 'reg.example.org': {} },
    credHelpers: { 'reg.example.org': 'one' },
    credsStore: 'all',
  };
  const login = async (image: string) => (await authsOf(config, image)).entries.map((found) => found.login);
  assert.equal(await login('reg.example.org/x'), [{ username: 'me', password: 'get for reg.example.org' }]);
  assert.equal(await login('busybox'), [{ identitytoken: 'get for https://index.docker.io/v1/' }]);
});

test('a helper without credentials for a registry is not a failure', async () => {
  await helper('empty', `cat >/dev/null; echo 'credentials not found in native keychain'; exit 1`);
  const { entries, advice } = await authsOf({ credsStore: 'empty' });
  assert.equal(entries, []);
  assert.is(advice('reg.example.org'), 'docker login reg.example.org');
});

for (const [name, script, message] of [
  ['broken', 'echo s3cret; echo s3cret >&2; exit 3', 'docker-credential-broken failed with exit code 3'],
  ['chatty', 'echo s3cret', 'docker-credential-chatty answered without credentials'],
  ['absent', undefined, 'docker-credential-absent failed: it is not on the PATH'],
  ['../evil', undefined, 'is not the name of a program'],
] as const) {
  test(`a helper that is ${name} still lets a public image be pulled, and is reported for a private one`, async () => {
    if (script !== undefined) await helper(name, script);
    const { entries, advice } = await authsOf({ credsStore: name });
    assert.equal(entries, []);
    assert.match(advice('reg.example.org'), message);
    assert.match(advice('reg.example.org'), 'docker login reg.example.org');
    assert.not.match(advice('reg.example.org'), 's3cret');
  });
}

test('a helper that waits for its user is abandoned at once when the run is cancelled', async () => {
  await helper('waiting', 'exec sleep 20');
  const directory = await configured({ credsStore: 'waiting' });
  const begin = Date.now();
  const failure = await failureOf(localAuths('x', { directory, signal: AbortSignal.timeout(200) }));
  assert.match(failure.message, /timeout/i);
  assert.ok(Date.now() - begin < 5_000);
});

test.after(async () => {
  await rm(root, { recursive: true, force: true });
});

test.run();
