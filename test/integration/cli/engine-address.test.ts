import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { findEngine, localSocket } from '../../../src/cli/local/engine-address.ts';

let directory: string;
test.before.each(async () => {
  directory = await mkdtemp(join(tmpdir(), 'docker-config-'));
});
test.after.each(() => rm(directory, { recursive: true }));

const found = (environment: NodeJS.ProcessEnv = {}) =>
  localSocket({ DOCKER_CONFIG: directory, ...environment });

/** The message of a rejection. */
async function refusal(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    (value) => `not refused: ${String(value)}`,
    (error: Error) => error.message,
  );
}

/** Writes the files that `docker context create` and `docker context use` write. */
async function context(name: string, host: string): Promise<void> {
  const meta = join(directory, 'contexts', 'meta', createHash('sha256').update(name).digest('hex'));
  await mkdir(meta, { recursive: true });
  await writeFile(
    join(meta, 'meta.json'),
    JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }),
  );
  await writeFile(join(directory, 'config.json'), JSON.stringify({ currentContext: name }));
}

test('without a setting the socket is the default one', async () => {
  assert.is(await found(), '/var/run/docker.sock');
  assert.is(await found({ DOCKER_HOST: '' }), '/var/run/docker.sock');
});

test('the socket is that of the current context', async () => {
  await context('desktop-linux', 'unix:///home/me/.docker/desktop/docker.sock');
  assert.is(await found(), '/home/me/.docker/desktop/docker.sock');
  assert.is(await found({ DOCKER_CONTEXT: 'default' }), '/var/run/docker.sock');
});

test('DOCKER_HOST has precedence over the context', async () => {
  await context('desktop-linux', 'unix:///home/me/.docker/desktop/docker.sock');
  assert.is(await found({ DOCKER_HOST: 'unix:///x.sock' }), '/x.sock');
});

test('the engine of a context can be on another machine, with the certificates of the context', async () => {
  await context('far', 'tcp://far:2376');
  const tls = join(directory, 'contexts', 'tls', createHash('sha256').update('far').digest('hex'), 'docker');
  await mkdir(tls, { recursive: true });
  await writeFile(join(tls, 'ca.pem'), 'CA');
  const engine = await findEngine({ DOCKER_CONFIG: directory });
  const certificates = { ca: 'CA', cert: undefined, key: undefined };
  assert.equal(engine.address, { kind: 'tcp', host: 'far', port: 2376, tls: certificates });
  assert.match(
    await refusal(found()),
    /^the host of docker's context far is tcp:\/\/far:2376, which is no socket/,
  );
});

test('DOCKER_TLS_VERIFY takes the certificates of DOCKER_CERT_PATH; without TLS an address elsewhere is refused', async () => {
  const certificates = join(directory, 'certificates');
  await mkdir(certificates);
  for (const name of ['ca', 'cert', 'key']) await writeFile(join(certificates, `${name}.pem`), name);
  const at = { DOCKER_HOST: 'tcp://far:1234', DOCKER_CERT_PATH: certificates };
  const { address } = await findEngine({ ...at, DOCKER_TLS_VERIFY: '1' });
  assert.equal(address, {
    kind: 'tcp',
    host: 'far',
    port: 1234,
    tls: { ca: 'ca', cert: 'cert', key: 'key' },
  });
  assert.match(
    await refusal(findEngine(at)),
    /^DOCKER_HOST is tcp:\/\/far:1234 without TLS, but a run sends secrets/,
  );
});

test('a context that does not exist is reported', async () => {
  assert.match(await refusal(found({ DOCKER_CONTEXT: 'nosuch' })), /docker has no context nosuch/);
});

test.run();
