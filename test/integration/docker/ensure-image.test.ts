import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { type PullPolicy, ensureImage } from '../../../src/docker/pull/ensure-image.ts';
import { engineUnderTest, failureOf, image, never } from './engine-under-test.ts';
import { startRegistry } from './small-registry.ts';

const engine = await engineUnderTest();
const registry = await startRegistry();
const ignore = () => undefined;

function ensure(reference: string, policy: PullPolicy, { signal = never }: { signal?: AbortSignal } = {}) {
  return ensureImage({ engine, signal }, { image: reference, policy, onProgress: ignore });
}

test('an image on the node is used without a network request, unless the policy is Always', async () => {
  assert.match(await ensure(image, 'IfNotPresent'), /^sha256:/);
  assert.match(await ensure(image, 'Never'), /^sha256:/);
  assert.is(registry.manifestRequests(), 0);
});

test('a missing image with the policy Never is named in the error, without a pull', async () => {
  const failure = await failureOf(ensure(registry.reference('ok'), 'Never'));
  assert.is(failure.reason, 'ImageNotFound');
  assert.match(failure.message, 'imagePullPolicy is Never');
  assert.is(registry.manifestRequests(), 0);
});

test('a pull reports its progress in bytes and ends with the image on the node', async () => {
  const seen: [number, number][] = [];
  const onProgress = (current: number, total: number) => void seen.push([current, total]);
  const reference = registry.reference('ok');
  const id = await ensureImage(
    { engine, signal: never },
    { image: reference, policy: 'IfNotPresent', onProgress },
  );
  assert.match(id, /^sha256:/);
  const [current, total] = seen.at(-1) ?? [0, 0];
  assert.ok(total > 4 * 1024 * 1024);
  assert.is(current, total);
  const before = registry.manifestRequests();
  assert.is(await ensure(reference, 'IfNotPresent'), id);
  assert.is(registry.manifestRequests(), before);
  assert.is(await ensure(reference, 'Always'), id);
  assert.ok(registry.manifestRequests() > before);
  await engine.docker.getImage(reference).remove({ force: true });
});

for (const behaviour of ['missing', 'denied'] as const) {
  test(`a pull of an image that is ${behaviour} is not retried`, async () => {
    const before = registry.manifestRequests();
    const failure = await failureOf(ensure(registry.reference(behaviour), 'IfNotPresent'));
    assert.is(failure.reason, 'ImageNotFound');
    assert.match(failure.message, registry.reference(behaviour));
    assert.ok(registry.manifestRequests() - before <= 2);
  });
}

test('a registry that recovers after two errors is asked again', async () => {
  const reference = registry.reference('flaky');
  assert.match(await ensure(reference, 'Always'), /^sha256:/);
  await engine.docker.getImage(reference).remove({ force: true });
});

test('a registry that cuts off every layer fails the pull within a bounded time', async () => {
  const begin = Date.now();
  const failure = await failureOf(ensure(registry.reference('cut'), 'Always'));
  assert.is(failure.reason, 'ImagePullFailed');
  assert.ok(Date.now() - begin < 60_000);
});

test('a host name that does not exist fails the pull within 20 s, and the error names it', async () => {
  const begin = Date.now();
  const failure = await failureOf(ensure('nosuch.invalid/x:1', 'IfNotPresent'));
  assert.is(failure.reason, 'ImagePullFailed');
  assert.match(failure.message, 'nosuch.invalid/x:1');
  assert.ok(Date.now() - begin < 20_000);
});

test('while a registry that is away is waited for, a copy on the node is mentioned', async () => {
  const local = 'localhost:5999/local:1';
  await engine.docker.getImage(image).tag({ repo: 'localhost:5999/local', tag: '1' });
  const deadline = new AbortController();
  const shown: string[] = [];
  const onProgress = (_current: number, _total: number, message: string) => {
    shown.push(message);
    deadline.abort();
  };
  try {
    await failureOf(
      ensureImage({ engine, signal: deadline.signal }, { image: local, policy: 'Always', onProgress }),
    );
    assert.match(shown.at(-1) ?? '', 'imagePullPolicy IfNotPresent');
    assert.match(shown.at(-1) ?? '', 'connection refused');
  } finally {
    await engine.docker.getImage(local).remove();
  }
});

test('an invalid image name is refused before the engine sees it', async () => {
  for (const reference of ['UPPER/Bad:1', '../info?', 'a b', '', '-rf']) {
    assert.is((await failureOf(ensure(reference, 'IfNotPresent'))).reason, 'ImageNotFound', reference);
  }
});

test('a pull that hangs can be cancelled at once', async () => {
  const cancelling = new AbortController();
  setTimeout(() => cancelling.abort(), 300);
  const begin = Date.now();
  await failureOf(ensure(registry.reference('hanging'), 'Always', { signal: cancelling.signal }));
  assert.ok(Date.now() - begin < 60_000);
});

test.after(async () => {
  await registry.close();
});

test.run();
