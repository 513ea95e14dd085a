import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { dockerSocket } from '../../../src/cli/local/docker-socket.ts';

let directory: string;
test.before.each(async () => {
  directory = await mkdtemp(join(tmpdir(), 'docker-config-'));
});
test.after.each(() => rm(directory, { recursive: true }));

const found = (environment: NodeJS.ProcessEnv = {}) =>
  dockerSocket({ DOCKER_CONFIG: directory, ...environment });

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

test('an engine on another machine is refused, and the message names the source of its address', async () => {
  await context('far', 'ssh://far');
  assert.match(
    await refusal(found()),
    /the host of docker's context far is ssh:\/\/far, .*set DOCKER_HOST to its socket, such as unix:/,
  );
  assert.match(await refusal(found({ DOCKER_HOST: 'tcp://far:2376' })), /^DOCKER_HOST is tcp:\/\/far:2376/);
});

test('a context that does not exist is reported', async () => {
  assert.match(await refusal(found({ DOCKER_CONTEXT: 'nosuch' })), /docker has no context nosuch/);
});

test.run();
