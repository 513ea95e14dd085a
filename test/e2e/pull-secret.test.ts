import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { test } from '../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { ociImage } from '../fixtures/oci-image.ts';
import { Registry } from '../fixtures/registry.ts';
import { Lab, type Manifest } from './support/runs.ts';
import { succeed } from './support/shell.ts';

let lab: Lab;
let registry: Registry;
let image: string;
const stale = 'not-the-password';

/** Like `kubectl create secret docker-registry`, but without the password in an argument of a process. */
async function pullSecret(name: string, text: string): Promise<void> {
  const { code, stderr } = await lab.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name },
    type: 'kubernetes.io/dockerconfigjson',
    stringData: { '.dockerconfigjson': text },
  });
  assert.is(code, 0, stderr);
}

/** Applies a run of the private image and returns its final status. */
async function ending(name: string, more: Manifest) {
  await lab.run(name, { image, imagePullPolicy: 'Always', ...more });
  return lab.ended(name);
}

/** Everything public about a run: its status, its Events and its worker's log. */
async function outputOf(name: string): Promise<string> {
  const { status } = await lab.get(name);
  return JSON.stringify(status) + JSON.stringify(await lab.events(name)) + (await lab.log(name)).toString();
}

function assertNoPassword(text: string): void {
  for (const secret of [registry.password, stale]) {
    for (const form of [secret, Buffer.from(`${registry.user}:${secret}`).toString('base64')]) {
      assert.not(text.includes(form), 'a password is shown');
    }
  }
}

test.before(async () => {
  lab = await Lab.open('pull-secret');
  registry = await Registry.start();
  const files = { busybox: await readFile('/bin/busybox'), data: randomBytes(64 * 1024) };
  image = await registry.push('lab/private', ociImage(files, ['/busybox', 'echo', 'pulled']));
  await pullSecret('right', registry.dockerConfig());
  await pullSecret('stale', registry.dockerConfig({ password: stale }));
});

test.after(async () => {
  await registry?.[Symbol.asyncDispose]();
  await lab?.close();
  if (image !== undefined) await succeed('docker', ['image', 'rm', '--force', image]);
});

test('a private image without a Secret fails with a message that names its registry and the field', async () => {
  const status = await ending('without', {});
  assert.is(status.phase, 'Failed');
  const failed = status.conditions?.find(({ type }) => type === 'Failed');
  assert.is(failed?.reason, 'ImageNotFound');
  assert.match(failed?.message ?? '', registry.host);
  assert.match(failed?.message ?? '', 'spec.imagePullSecrets');
});

test('when the registry rejects a password, the message names its Secret', async () => {
  const status = await ending('refused', { imagePullSecrets: [{ name: 'stale' }] });
  const failed = status.conditions?.find(({ type }) => type === 'Failed');
  assert.is(failed?.reason, 'ImageNotFound');
  assert.match(failed?.message ?? '', /refused the credentials of Secret stale/);
  assertNoPassword(await outputOf('refused'));
});

test('a private image runs with the right Secret, even when the registry rejects another one first', async () => {
  const status = await ending('private', { imagePullSecrets: [{ name: 'stale' }, { name: 'right' }] });
  assert.is(status.phase, 'Succeeded', JSON.stringify(status));
  assert.match((await lab.log('private')).toString(), 'pulled');
  assertNoPassword(await outputOf('private'));
});

test.run();
