import { join } from 'node:path';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { inspectState } from '../../../src/docker/container-state.ts';
import { jsonLines, longestAnswer, longestLine } from '../../../src/docker/engine-call.ts';
import { statusOf } from '../../../src/docker/engine-error.ts';
import { connectEngine, type Engine } from '../../../src/docker/engine.ts';
import { pullOnce } from '../../../src/docker/pull/pull-image.ts';
import { parseApiUrl } from '../../../src/girder/api-url.ts';
import { defaultTiming, GirderClient, maxDocumentBytes } from '../../../src/girder/client.ts';
import { TokenSource } from '../../../src/girder/credentials.ts';
import { readText } from '../../../src/girder/http/byte-body.ts';
import { itemsOf } from '../../../src/girder/lookup.ts';
import { TransientFailure } from '../../../src/girder/retry.ts';
import { RunError } from '../../../src/support/errors.ts';
import { HostileServer } from '../../fixtures/hostile-server.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';

/** Answers that never end, that come a byte at a time, or that lead elsewhere: each is given up within its bound. */

type World = {
  readonly stack: AsyncDisposableStack;
  girder: HostileServer;
  client: GirderClient;
  docker: HostileServer;
  engine: Engine;
};
const test = suite<World>('endless answers', { stack: new AsyncDisposableStack() } as World);

const never = new AbortController().signal;
const mebi = 2 ** 20;
/** What the kernel and the streams of both sides hold beside what was read. */
const underway = 16 * mebi;

test.before(async (world) => {
  const { stack } = world;
  world.girder = stack.use(await HostileServer.start({ port: 0, host: '127.0.0.1' }));
  const api = parseApiUrl(`http://127.0.0.1:${world.girder.port}/api/v1`);
  world.client = new GirderClient(api, new TokenSource({ token: 'x' }), { timing: defaultTiming });
  const socketPath = join(stack.use(new ScratchDirectory('engine')).path, 'docker.sock');
  world.docker = stack.use(await HostileServer.start({ path: socketPath }));
  world.docker.answer = { pieces: [`${ok}Content-Length: 2\r\n\r\n{}`] };
  world.engine = await connectEngine({ socketPath, signal: never });
});
test.before.each(({ girder, docker }) => {
  [girder.sent, docker.sent] = [0, 0];
});
test.after(({ stack }) => stack.disposeAsync());

const ok = 'HTTP/1.1 200 OK\r\n';
const much = 'x'.repeat(64 * 1024);
const request = { method: 'GET', route: ['file', 'f'], subject: 'file f', signal: never } as const;

async function failure(work: Promise<unknown>): Promise<Error> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.instance(error, Error, 'it should have failed');
  return error as Error;
}

for (const status of ['200 OK', '500 Error', '404 Not Found']) {
  test(`an endless document of Girder with status ${status} is cut off`, async ({ girder, client }) => {
    girder.answer = { pieces: [`HTTP/1.1 ${status}\r\n\r\n`, much], endless: true };
    const error = await failure(client.jsonOnce({ ...request, parse: String }));
    assert.instance(error, TransientFailure);
    assert.match(error.message, /longer than/);
    assert.ok(girder.sent <= maxDocumentBytes + underway, `it took ${girder.sent} bytes`);
  });

  test(`an endless document of the engine with status ${status} is cut off`, async ({ docker, engine }) => {
    docker.answer = { pieces: [`HTTP/1.1 ${status}\r\n\r\n`, much], endless: true };
    const error = await failure(inspectState(engine, 'c', { signal: never }));
    assert.match(error.message, /more than \d+ bytes/);
    assert.ok(docker.sent <= longestAnswer + underway, `it took ${docker.sent} bytes`);
  });
}

test('a document of Girder in chunks of one byte takes little more memory than its bytes', async (world) => {
  const { girder, client } = world;
  const oneByteEach = '1\r\nx\r\n'.repeat(10_000);
  girder.answer = { pieces: [`${ok}Transfer-Encoding: chunked\r\n\r\n`, oneByteEach], endless: true };
  const { body } = await client.open({ ...request, buffer: Buffer.allocUnsafeSlow(256 * 1024) });
  const before = process.memoryUsage();
  const error = await failure(readText(body, mebi, never));
  const after = process.memoryUsage();
  assert.match(error.message, /longer than/);
  const grown = after.heapUsed + after.external - before.heapUsed - before.external;
  assert.ok(grown < 100 * mebi, `${mebi} bytes took ${grown} bytes of memory`);
});

test('an endless line of a pull is cut off', async ({ docker, engine }) => {
  docker.answer = { pieces: [`${ok}\r\n`, much], endless: true };
  const error = await failure(pullOnce(engine, { image: 'x', onProgress: () => undefined, signal: never }));
  assert.match(error.message, /a line of more than/);
  assert.ok(docker.sent <= longestLine + underway, `it took ${docker.sent} bytes`);
});

test('a line of the engine is read in linear time wherever it is split', async () => {
  const bytes = Buffer.from(JSON.stringify('x'.repeat(300_000)));
  const steps = jsonLines(
    (async function* () {
      for (let at = 0; at < bytes.length; at += 1) yield bytes.subarray(at, at + 1);
    })(),
  );
  const before = process.cpuUsage();
  const { value } = await steps.next();
  assert.is(String(value).length, 300_000);
  const { user } = process.cpuUsage(before);
  assert.ok(user < 5_000_000, `it took ${user / 1000} ms`);
});

for (const location of ['http://[', 'ftp://x/', '/elsewhere', undefined]) {
  test(`a redirect of the engine to ${location ?? 'another server'} is not followed`, async (world) => {
    const { docker, engine, girder } = world;
    const to = location ?? `http://127.0.0.1:${girder.port}/`;
    docker.answer = { pieces: [`HTTP/1.1 302 Found\r\nLocation: ${to}\r\nContent-Length: 0\r\n\r\n`] };
    const error = await failure(inspectState(engine, 'c', { signal: never }));
    assert.is(statusOf(error), 302);
    assert.is(girder.sent, 0);
  });
}

for (const message of [
  '{"toString":1}',
  '{"toString":null,"valueOf":null}',
  `${'['.repeat(50_000)}${']'.repeat(50_000)}`,
]) {
  const body = `{"message":${message},"type":${message}}`;
  const answer = (status: number) => ({
    pieces: [`HTTP/1.1 ${status} x\r\nContent-Length: ${body.length}\r\n\r\n${body}`],
  });

  test(`an error of the engine without a text is its status: ${message.slice(0, 20)}`, async (world) => {
    world.docker.answer = answer(500);
    const error = await failure(inspectState(world.engine, 'c', { signal: never }));
    assert.is(statusOf(error), 500);
  });

  test(`a refusal of Girder without a text has a reason: ${message.slice(0, 20)}`, async ({
    girder,
    client,
  }) => {
    girder.answer = answer(400);
    const error = await failure(client.jsonOnce({ ...request, method: 'POST', parse: String }));
    assert.instance(error, RunError);
    assert.is((error as RunError).reason, 'GirderRefused');
  });
}

test('a list of Girder that repeats its page for ever is given up', async ({ girder, client }) => {
  const page = JSON.stringify(['a', 'b'].map((_id) => ({ _id, name: _id })));
  girder.answer = { pieces: [`${ok}Content-Length: ${page.length}\r\nConnection: close\r\n\r\n${page}`] };
  const listed = async () => {
    for await (const items of itemsOf(client, 'f', { pageSize: 2, signal: AbortSignal.timeout(30_000) }))
      assert.is(items.length, 2);
  };
  const error = await failure(listed());
  assert.instance(error, RunError);
  assert.is((error as RunError).reason, 'GirderUnavailable');
});

test.run();
