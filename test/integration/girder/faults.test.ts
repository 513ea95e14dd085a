import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { defaultTiming, type GirderClient, type Timing } from '../../../src/girder/client.ts';
import { downloadFile } from '../../../src/girder/download/download.ts';
import { openGirder } from '../../../src/girder/open-girder.ts';
import { uploadToItem } from '../../../src/girder/upload/upload.ts';
import { RunError } from '../../../src/support/errors.ts';
import { FaultProxy } from '../../fixtures/fault-proxy.ts';
import { until } from '../../fixtures/until.ts';
import { ask, girderEnvironment, hashFile, Scratch } from './real-girder.ts';

const never = new AbortController().signal;
const mebi = 1024 * 1024;
/** Two chunks. */
const size = 72 * mebi + 12_345;
/** For a Girder that does not answer; too short where no request may be made twice. */
const impatient: Timing = { ...defaultTiming, answer: 3_000, stall: 1_500 };
/** Far less than the silence that would end the same transfer without a cancel. */
const atOnceMs = 10_000;

/** The real Girder behind a proxy that injects faults, and a file of random bytes on both sides. */
class Stage implements AsyncDisposable {
  readonly scratch: Scratch;
  readonly proxy: FaultProxy;
  readonly client: GirderClient;
  readonly path: string;
  readonly sha256: string;

  private constructor(parts: Pick<Stage, 'scratch' | 'proxy' | 'client' | 'path' | 'sha256'>) {
    this.scratch = parts.scratch;
    this.proxy = parts.proxy;
    this.client = parts.client;
    this.path = parts.path;
    this.sha256 = parts.sha256;
  }

  static async make(timing = defaultTiming): Promise<Stage> {
    const { apiUrl, apiKey } = girderEnvironment();
    const scratch = await Scratch.make();
    const proxy = await FaultProxy.start(apiUrl);
    const client = await openGirder({ apiUrl: proxy.url, credentials: { apiKey }, signal: never, timing });
    return new Stage({ scratch, proxy, client, ...(await scratch.randomFile('original', size)) });
  }

  async stored(): Promise<string> {
    return (await this.scratch.upload(this.path, 'data.bin')).fileId;
  }

  /** Downloads through the proxy and checks that it is the same file. */
  async downloadsExactly(fileId: string): Promise<void> {
    const target = { fileId, into: this.scratch.directory, filename: 'back' };
    await downloadFile(this.client, target, { signal: never });
    assert.is(await hashFile(join(this.scratch.directory, 'back')), this.sha256);
    assert.equal((await readdir(this.scratch.directory)).toSorted(), ['back', 'original']);
  }

  /** Uploads through the proxy and checks that Girder then has the same file. */
  async uploadsExactly(): Promise<void> {
    const uploaded = await this.scratch.upload(this.path, 'data.bin', this.client);
    assert.is(uploaded.sha256, this.sha256);
    assert.equal(await this.scratch.files(), [{ name: 'data.bin', size }]);
    assert.is(await this.scratch.unfinishedUploads(), 0);
    const target = { fileId: uploaded.fileId, into: this.scratch.directory, filename: 'back' };
    await downloadFile(this.scratch.admin, target, { signal: never });
    assert.is(await hashFile(join(this.scratch.directory, 'back')), this.sha256);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    await this.proxy[Symbol.asyncDispose]();
    await this.scratch[Symbol.asyncDispose]();
  }
}

test('a download that breaks again and again is resumed where it broke, byte for byte', async () => {
  await using stage = await Stage.make();
  const fileId = await stage.stored();
  for (const cutAnswerAfter of [0, 1, 65_537, 10 * mebi])
    stage.proxy.fail('GET', '/download', { cutAnswerAfter });
  await stage.downloadsExactly(fileId);
  const starts = stage.proxy
    .requests('GET', '/download')
    .map(({ headers }) => Number(/^bytes=(\d+)-$/.exec(headers.range ?? 'bytes=0-')?.[1]));
  assert.is(starts.length, 5);
  assert.equal(
    starts,
    starts.toSorted((a, b) => a - b),
  );
  // Bytes that had arrived but were not read when the connection broke are requested again; they are few.
  assert.ok((starts[4] ?? 0) > 9 * mebi && (starts[4] ?? 0) <= 10 * mebi + 65_538);
});

test('a download from a server that stands still is resumed', async () => {
  await using stage = await Stage.make(impatient);
  const fileId = await stage.stored();
  stage.proxy.fail('GET', '/download', { stallAnswerAfter: 3 * mebi });
  stage.proxy.fail('GET', '/download', { silence: true });
  await stage.downloadsExactly(fileId);
});

test('a download survives 500, 503 and 429, and waits as long as Retry-After requests', async () => {
  await using stage = await Stage.make();
  const fileId = await stage.stored();
  stage.proxy.fail('GET', `/file/${fileId}`, { status: 500, body: '{"type":"internal","message":"x"}' });
  stage.proxy.fail('GET', '/download', { status: 503 });
  stage.proxy.fail('GET', '/download', { status: 429, headers: { 'retry-after': '1' } });
  const begin = performance.now();
  await stage.downloadsExactly(fileId);
  assert.ok(performance.now() - begin > 1000);
});

test('a download whose file is replaced meanwhile has only the bytes of the new file', async () => {
  await using stage = await Stage.make();
  const fileId = await stage.stored();
  const newer = await stage.scratch.randomFile('newer', size);
  stage.proxy.fail('GET', '/download', { cutAnswerAfter: 5 * mebi });
  const uploaded = Promise.withResolvers<void>();
  stage.proxy.fail('GET', '/download', {
    status: 503,
    headers: { 'retry-after': '0' },
    until: uploaded.promise,
  });
  const target = { fileId, into: stage.scratch.directory, filename: 'back' };
  const downloading = downloadFile(stage.client, target, { signal: never });
  const requests = () => stage.proxy.requests('GET', '/download').length;
  const isRequestedAgain = (count: number) => count >= 2;
  await until('the download is requested again', requests, { holds: isRequestedAgain, withinMs: 60_000 });
  await stage.scratch.upload(newer.path, 'data.bin');
  uploaded.resolve();
  await downloading;
  assert.is(await hashFile(join(stage.scratch.directory, 'back')), newer.sha256);
});

test('the token is sent with redirects to the same origin and to no other', async () => {
  await using stage = await Stage.make();
  await using other = await FaultProxy.start(girderEnvironment().apiUrl);
  const fileId = await stage.stored();
  const route = `/api/v1/file/${fileId}`;
  const location = `${other.origin}${route}/download`;
  stage.proxy.fail('GET', '/download', { status: 303, headers: { location: `${route}/download?again=1` } });
  stage.proxy.fail('GET', '/download?again', { status: 303, headers: { location } });
  other.fail('GET', '/download', { status: 200, headers: { 'content-length': '3' }, body: 'abc' });
  await downloadFile(stage.client, { fileId, into: stage.scratch.directory }, { signal: never }).catch(
    () => undefined,
  );
  assert.is(stage.proxy.requests('GET', '/download?again')[0]?.headers['girder-token']?.length, 64);
  assert.is(other.seen.length, 1);
  assert.is(other.seen[0]?.headers['girder-token'], undefined);
});

test('a redirect to the metadata service of a cloud is refused', async () => {
  await using stage = await Stage.make();
  const fileId = await stage.stored();
  const location = 'http://169.254.169.254/latest/meta-data';
  stage.proxy.fail('GET', '/download', { status: 303, headers: { location } });
  const target = { fileId, into: stage.scratch.directory };
  const error: unknown = await downloadFile(stage.client, target, { signal: never }).catch(
    (thrown: unknown) => thrown,
  );
  assert.instance(error, RunError);
  assert.is((error as RunError).reason, 'GirderRefused');
});

for (const reset of [false, true]) {
  for (const cutRequestAfter of [0, 100_000, 10 * mebi]) {
    const how = reset ? 'reset' : 'closed';
    test(`an upload that is ${how} after ${cutRequestAfter} bytes of a chunk ends byte-exact`, async () => {
      await using stage = await Stage.make();
      stage.proxy.fail('POST', '/file/chunk', { cutRequestAfter, reset });
      await stage.uploadsExactly();
      const chunks = stage.proxy
        .requests('POST', '/file/chunk')
        .map(({ url }) => /offset=(\d+)/.exec(url)?.[1]);
      assert.is(chunks[0], '0');
      // 10 MiB are more than the smallest chunk, so Girder keeps them; it keeps nothing of a smaller part.
      const second = cutRequestAfter > 5 * mebi ? cutRequestAfter : 0;
      const kept = Number(chunks[1]);
      // Only Girder 3 does not remove what it wrote of a small chunk that was reset.
      assert.ok(kept === second || (reset && kept >= 0 && kept <= cutRequestAfter), `resumed at ${kept}`);
      assert.is(stage.proxy.requests('GET', '/download').length, 1);
    });
  }
}

for (const chunk of ['offset=0', `offset=${64 * mebi}`]) {
  test(`an upload survives the loss of the answer to the chunk at ${chunk}`, async () => {
    await using stage = await Stage.make();
    stage.proxy.fail('POST', chunk, { loseAnswer: true });
    await stage.uploadsExactly();
    assert.is(stage.proxy.requests('POST', '/file/chunk').length, 2);
  });
}

test('a replacing upload whose last answer is lost is recognised as complete', async () => {
  await using stage = await Stage.make();
  await stage.stored();
  stage.proxy.fail('POST', `offset=${64 * mebi}`, { loseAnswer: true });
  await stage.uploadsExactly();
});

test('an upload whose first request gets no answer is started again and not stored twice', async () => {
  await using stage = await Stage.make();
  stage.proxy.fail('POST', '/file', { status: 502 });
  stage.proxy.fail('POST', '/file', { loseAnswer: true });
  const uploaded = await stage.scratch.upload(stage.path, 'data.bin', stage.client);
  assert.is(uploaded.sha256, stage.sha256);
  assert.equal(await stage.scratch.files(), [{ name: 'data.bin', size }]);
});

test('a session that ends in the middle of a transfer is renewed with the API key', async () => {
  await using stage = await Stage.make();
  const fileId = await stage.stored();
  await ask(stage.client, 'DELETE', ['token', 'session']);
  await stage.downloadsExactly(fileId);
  await ask(stage.client, 'DELETE', ['token', 'session']);
  await stage.scratch.upload(stage.path, 'other.bin', stage.client);
  assert.is(stage.proxy.requests('POST', '/api_key/token').length, 3);
});

test('the session made from an API key is deleted when the client closes, and the key is not in a URL', async () => {
  const { apiUrl, apiKey } = girderEnvironment();
  await using proxy = await FaultProxy.start(apiUrl);
  const client = await openGirder({ apiUrl: proxy.url, credentials: { apiKey }, signal: never });
  await ask(client, 'GET', ['user', 'me']);
  await client.close();
  const token = String(proxy.requests('GET', '/user/me')[0]?.headers['girder-token']);
  const response = await fetch(`${apiUrl}/token/current`, { headers: { 'Girder-Token': token } });
  assert.is(await response.text(), 'null');
  assert.not(proxy.seen.some(({ url }) => url.includes(apiKey)));
});

test('a download that is cancelled in the middle stops at once and leaves no file', async () => {
  await using stage = await Stage.make();
  const fileId = await stage.stored();
  stage.proxy.fail('GET', '/download', { stallAnswerAfter: 3 * mebi });
  const cancel = new AbortController();
  let cancelledAt = 0;
  const onProgress = (bytes: number) => {
    if (bytes <= 2 * mebi || cancel.signal.aborted) return;
    cancelledAt = performance.now();
    cancel.abort(new Error('cancelled by the test'));
  };
  const target = { fileId, into: stage.scratch.directory, filename: 'a/back' };
  const error = await downloadFile(stage.client, target, { signal: cancel.signal, onProgress }).catch(
    (thrown: unknown) => thrown,
  );
  assert.is((error as Error).message, 'cancelled by the test');
  assert.ok(performance.now() - cancelledAt < atOnceMs);
  assert.equal(await readdir(stage.scratch.directory), ['original']);
});

for (const isReplacing of [false, true]) {
  const left = isReplacing ? 'the old contents' : 'nothing';
  test(`an upload that is cancelled in the middle leaves ${left} in Girder`, async () => {
    await using stage = await Stage.make();
    const old = await stage.scratch.randomFile('old', 1000);
    if (isReplacing) await stage.scratch.upload(old.path, 'data.bin');
    const cancel = new AbortController();
    const onProgress = (bytes: number) => {
      if (bytes > 65 * mebi) cancel.abort(new Error('cancelled by the test'));
    };
    await using source = await open(stage.path);
    const upload = { itemId: stage.scratch.itemId, name: 'data.bin', source, size };
    const error = await uploadToItem(stage.client, upload, { signal: cancel.signal, onProgress }).catch(
      (thrown: unknown) => thrown,
    );
    assert.is((error as Error).message, 'cancelled by the test');
    assert.is(await stage.scratch.unfinishedUploads(), 0);
    assert.equal(await stage.scratch.files(), isReplacing ? [{ name: 'data.bin', size: 1000 }] : []);
  });
}

test.run();
