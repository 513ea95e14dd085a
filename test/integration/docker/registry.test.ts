import { randomBytes } from 'node:crypto';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { type EnsureOptions, ensureImage } from '../../../src/docker/pull/ensure-image.ts';
import { registryAuths } from '../../../src/docker/pull/docker-config.ts';
import { FaultProxy } from '../../fixtures/fault-proxy.ts';
import { ociImage } from '../../fixtures/oci-image.ts';
import { Registry } from '../../fixtures/registry.ts';
import { until } from '../../fixtures/until.ts';
import { engineUnderTest, failureOf, never } from './engine-under-test.ts';

const engine = await engineUnderTest();
const registry = await Registry.start();
const layerBytes = 2 * 1024 * 1024;
const wrong = { password: 'not-the-password' };

/** An image that the engine does not have yet. */
const newImage = () => ociImage({ data: randomBytes(layerBytes) }, ['/data']);

function freshImage(): Promise<string> {
  return registry.push(`lab/x${randomBytes(4).toString('hex')}`, newImage());
}

function secret(name: string, text: string) {
  return { name, data: { '.dockerconfigjson': text } };
}

const right = registryAuths([secret('right', registry.dockerConfig())]);

function ensure(image: string, more: Partial<EnsureOptions & { signal: AbortSignal }> = {}): Promise<string> {
  const { signal = never, ...rest } = more;
  const options = { policy: 'IfNotPresent', onProgress: () => undefined } as const;
  return ensureImage({ engine, signal }, { image, ...options, ...rest });
}

async function forget(image: string): Promise<void> {
  await engine.docker.getImage(image).remove({ force: true });
}

/** The registry behind its own proxy, which the engine sees as another registry, with its credentials. */
async function behindProxy(image: string) {
  const proxy = await FaultProxy.start(registry.origin);
  const host = new URL(proxy.origin).host;
  const config = registry.dockerConfig().replaceAll(registry.host, host);
  return {
    proxy,
    reference: image.replace(registry.host, host),
    auths: registryAuths([secret('proxied', config)]),
  };
}

test('the right credentials pull an image of a private registry, with progress in bytes', async () => {
  const image = await freshImage();
  const seen: [number, number][] = [];
  const onProgress = (current: number, total: number) => void seen.push([current, total]);
  assert.match(await ensure(image, { auths: right, onProgress }), /^sha256:/);
  const [current, total] = seen.at(-1) ?? [0, 0];
  assert.ok(total > layerBytes);
  assert.is(current, total);
  assert.match(await ensure(image), /^sha256:/, 'an image that is there needs no credentials');
  const failure = await failureOf(ensure(image, { policy: 'Always' }));
  assert.match(failure.message, 'imagePullPolicy IfNotPresent');
  await forget(image);
});

test('the error of a run without credentials names the registry and spec.imagePullSecrets', async () => {
  const failure = await failureOf(ensure(await freshImage()));
  assert.is(failure.reason, 'ImageNotFound');
  assert.match(failure.message, `no credentials for its registry ${registry.host}`);
  assert.match(failure.message, 'in spec.imagePullSecrets');
});

test('the error of a run whose Secrets are for other registries names those Secrets', async () => {
  const auths = registryAuths([secret('elsewhere', '{"auths":{"ghcr.io":{"auth":"YTpi"}}}')]);
  const failure = await failureOf(ensure(await freshImage(), { auths }));
  assert.is(failure.reason, 'ImageNotFound');
  assert.match(
    failure.message,
    `the Secrets of spec.imagePullSecrets have no entry for ${registry.host}: elsewhere`,
  );
});

test('refused credentials are reported by the name of their Secret, never by content, and are not retried', async () => {
  const image = await freshImage();
  const { proxy, reference } = await behindProxy(image);
  await using _closed = proxy;
  const config = registry.dockerConfig(wrong).replaceAll(registry.host, new URL(proxy.origin).host);
  const failure = await failureOf(ensure(reference, { auths: registryAuths([secret('stale', config)]) }));
  assert.is(failure.reason, 'ImageNotFound');
  assert.match(failure.message, /refused the credentials of Secret stale/);
  for (const text of [wrong.password, registry.user, registry.password]) {
    assert.not.match(failure.message, text);
  }
  assert.ok(proxy.seen.filter(({ headers }) => headers.authorization !== undefined).length <= 2);
});

test('the second of two Secrets for one registry is used when the first is refused', async () => {
  const image = await freshImage();
  const stale = secret('stale', registry.dockerConfig(wrong));
  const auths = registryAuths([stale, secret('right', registry.dockerConfig())]);
  assert.match(await ensure(image, { auths }), /^sha256:/);
  await forget(image);
});

test('a registry that fails twice and then limits requests is asked again with the same credentials', async () => {
  const { proxy, reference, auths } = await behindProxy(await freshImage());
  await using _closed = proxy;
  proxy.fail('GET', '/v2/', { status: 503 });
  proxy.fail('GET', '/v2/', { status: 500 });
  const body = '{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}';
  for (const method of ['HEAD', 'GET']) proxy.fail(method, '/manifests/', { status: 429, body });
  assert.match(await ensure(reference, { auths }), /^sha256:/);
  await forget(reference);
});

test('a layer that is cut off resumes where it stopped', async () => {
  const image = newImage();
  const { proxy, reference, auths } = await behindProxy(await registry.push('lab/cut', image));
  await using _closed = proxy;
  const layer = image.blobs.at(-1)?.digest ?? '';
  proxy.fail('GET', layer, { cutAnswerAfter: layerBytes / 2 });
  assert.match(await ensure(reference, { auths }), /^sha256:/);
  const ranges = proxy.requests('GET', layer).map(({ headers }) => headers.range);
  assert.equal(ranges, [undefined, `bytes=${layerBytes / 2}-`]);
  await forget(reference);
});

test('a pull whose layer stalls can be cancelled at once', async () => {
  const { proxy, reference, auths } = await behindProxy(await freshImage());
  await using _closed = proxy;
  for (let times = 0; times < 4; times += 1) proxy.fail('GET', '/blobs/', { stallAnswerAfter: 100 });
  const cancelling = new AbortController();
  const pull = failureOf(ensure(reference, { auths, signal: cancelling.signal }));
  const asked = () => proxy.requests('GET', '/blobs/').length > 0;
  await until('a layer is requested', asked, { withinMs: 60_000 });
  const begin = Date.now();
  cancelling.abort();
  await pull;
  assert.ok(Date.now() - begin < 10_000);
});

for (const [state, answer] of [
  ['is unavailable', { status: 503 }],
  ['limits requests with a Retry-After of 0', { status: 429, headers: { 'retry-after': '0' } }],
] as const) {
  test(`a registry that ${state} for a while is waited for, and the pull then succeeds`, async () => {
    const { proxy, reference, auths } = await behindProxy(await freshImage());
    await using _closed = proxy;
    // The engine asks twice for each try.
    for (let count = 0; count < 10; count += 1) proxy.fail('GET', '/v2/', answer);
    const shown = new Set<string>();
    const onProgress = (_current: number, _total: number, message: string) => void shown.add(message);
    assert.match(await ensure(reference, { auths, onProgress }), /^sha256:/);
    const waits = [...shown].filter((message) => message.startsWith('waiting for the registry 127.0.0.1:'));
    assert.ok(waits.length > 4, [...shown].join('\n'));
    assert.ok(waits.some((message) => message.includes(String(answer.status))));
    await forget(reference);
  });
}

test.after(async () => {
  await registry[Symbol.asyncDispose]();
});

test.run();
