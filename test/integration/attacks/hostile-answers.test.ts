import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { boundsProblem, statusBounds } from '../../../src/api/json-values.ts';
import { parseReport, terminationMessage } from '../../../src/api/report.ts';
import { inspectState, openEvents } from '../../../src/docker/container-state.ts';
import { createContainer } from '../../../src/docker/create/create-container.ts';
import { connectEngine, type Engine } from '../../../src/docker/engine.ts';
import { removeLeftovers } from '../../../src/docker/leftovers.ts';
import { registryAuths } from '../../../src/docker/pull/docker-config.ts';
import { imageId, pullOnce } from '../../../src/docker/pull/pull-image.ts';
import { toPullError } from '../../../src/docker/engine-error.ts';
import { parseApiUrl } from '../../../src/girder/api-url.ts';
import { defaultTiming, GirderClient } from '../../../src/girder/client.ts';
import { TokenSource } from '../../../src/girder/credentials.ts';
import {
  parseAccess,
  parseCounts,
  parseFile,
  parseFileOrUpload,
  parseFiles,
  parseNamed,
  parseOffset,
  parseToken,
} from '../../../src/girder/documents.ts';
import { safeFileName } from '../../../src/girder/file-names.ts';
import { TransientFailure } from '../../../src/girder/retry.ts';
import { describe, RunError } from '../../../src/support/errors.ts';
import { LiveReport } from '../../../src/worker/progress.ts';
import { hostileTexts } from '../../fixtures/builders-hostile.ts';
import { hostileAnswers, HostileServer } from '../../fixtures/hostile-server.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { checkFailure, type Lane, lanes, mebi, numRuns, plain, readAll, seed } from './hostile-reading.ts';

/**
 * Answers that no Girder, Docker Engine or registry gives, over real sockets to the code that reads them: each ends
 * in time, as a classified failure or as a value within its bounds, and never with a crash of the process.
 */

const id = '0123456789abcdef01234567';
const file = { _id: id, name: 'a.bin', size: 3, itemId: id, mimeType: 'x/y', created: 'now', sha512: 'ab' };
const upload = { _id: id, received: 1, size: 3 };
const refusal = { message: 'No such file.', type: 'rest', field: 'id' };

function girderOf(port: number): GirderClient {
  const api = parseApiUrl(`http://127.0.0.1:${port}/api/v1`);
  return new GirderClient(api, new TokenSource({ token: 'x' }), {
    timing: { ...defaultTiming, answer: 5_000 },
  });
}

test('a document of Girder is within its bounds, or its request fails', async () => {
  await using stack = new AsyncDisposableStack();
  const parsers: readonly ((value: unknown) => unknown)[] = [
    parseFile,
    parseFiles,
    parseNamed,
    parseAccess,
    parseCounts,
    parseFileOrUpload,
    parseOffset,
    parseToken,
  ];
  const documents = [file, [file], { ...file, folderId: id, _accessLevel: 2 }, upload, refusal].concat([
    { nItems: 1, nFolders: 2, offset: 5, authToken: { token: 'abc' } } as never,
  ]);
  const reading = (client: GirderClient) => (index: number) => async (signal: AbortSignal) => {
    const parse = parsers[index % parsers.length] ?? parseFile;
    const request = { method: 'GET', route: ['file', id], subject: `file ${id}`, signal } as const;
    const value: unknown = await client.jsonOnce({ ...request, parse });
    const bounds = { depth: 16, bytes: 4 * mebi };
    assert.is(boundsProblem(value, bounds), undefined);
    for (const one of [value].flat()) {
      if (typeof one !== 'object' || one === null) continue;
      if ('name' in one) assert.ok(Buffer.byteLength(safeFileName(String(one.name))) <= 255);
      if ('token' in one) assert.match(String(one.token), /^[\x21-\x7e]{1,4096}$/);
    }
  };
  const bodies = fc.oneof(...documents.map((document) => hostileTexts(document)));
  await readAll(await girderLanes(stack, reading), hostileAnswers(plain(bodies)));
});

/** One server for each lane, with a client. */
async function girderLanes(
  stack: AsyncDisposableStack,
  reading: (client: GirderClient) => Lane['reading'],
): Promise<Lane[]> {
  const lane = async () => {
    const server = stack.use(await HostileServer.start({ port: 0, host: '127.0.0.1' }));
    return { server, reading: reading(girderOf(server.port)) };
  };
  return Promise.all(Array.from({ length: lanes }, lane));
}

test('the bytes of a download of Girder arrive whole, or their request fails', async () => {
  await using stack = new AsyncDisposableStack();
  const reading = (client: GirderClient) => {
    const buffer = Buffer.allocUnsafeSlow(256 * 1024);
    return () => async (signal: AbortSignal) => {
      const request = {
        method: 'GET',
        route: ['file', id, 'download'],
        subject: `file ${id}`,
        signal,
      } as const;
      const response = await client.open({ ...request, buffer });
      let bytes = 0;
      const stop = () => response.body.destroy(new TransientFailure('too late'));
      signal.addEventListener('abort', stop);
      await response.body.pump((chunk) => void (bytes += chunk.length));
      assert.ok(bytes <= 4 * mebi);
    };
  };
  await readAll(await girderLanes(stack, reading), hostileAnswers(plain(hostileTexts(file))));
});

const never = new AbortController().signal;
const gone = { pieces: ['HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}'] };

/** Engines that answer what their server is set to, and honestly when they are asked who they are. */
async function engineLanes(
  stack: AsyncDisposableStack,
  reading: (engine: Engine) => Lane['reading'],
): Promise<Lane[]> {
  const directory = stack.use(new ScratchDirectory('engine')).path;
  const lane = async (_: unknown, index: number) => {
    const socketPath = join(directory, `${index}.sock`);
    const server = stack.use(await HostileServer.start({ path: socketPath }));
    server.answer = { pieces: ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'] };
    // Every container but one is gone, so that no removal waits for it.
    server.honest = (request) => (/^GET \/containers\/(?!c\/|json)/.test(request) ? gone : undefined);
    const engine = await connectEngine({ socketPath, signal: never });
    return { server, reading: reading(engine) };
  };
  return Promise.all(Array.from({ length: lanes }, lane));
}

const container = {
  Id: 'c'.repeat(64),
  Created: 5,
  Labels: { 'dockerrun.dev/run-uid': 'x' },
  State: {
    Status: 'exited',
    ExitCode: 3,
    OOMKilled: false,
    FinishedAt: '2026-01-02T03:04:05.6Z',
    StartedAt: 'x',
  },
  message: 'no such image',
};
const identity = {
  Version: '28',
  CgroupDriver: 'systemd',
  CgroupVersion: '2',
  InitBinary: 'x',
  InitCommit: { ID: 'x' },
};

test('a document of the engine is within its bounds, or its call fails', async () => {
  await using stack = new AsyncDisposableStack();
  const reading = (engine: Engine) => (index: number) => async (signal: AbortSignal) => {
    const context = { engine, signal };
    if (index % 5 === 0) {
      const state = await inspectState(engine, 'c', { signal });
      if (state.phase !== 'exited') return;
      assert.ok(Number.isInteger(state.exitCode) && state.exitCode >= 0 && state.exitCode <= 255);
      assert.match(new Date(state.at).toISOString(), /^\d{4}-/);
    } else if (index % 5 === 1) {
      assert.ok(((await imageId(engine, 'x:1', signal)) ?? '').length <= 1_000);
    } else if (index % 5 === 2) {
      const options = { name: 'x', labels: {}, image: 'x', command: [], env: [], mounts: [] };
      assert.ok((await createContainer(context, options)).length <= 1_000);
    } else if (index % 5 === 3) {
      const labels = { runUid: 'dockerrun.dev/run-uid', attempt: 'dockerrun.dev/attempt' };
      await removeLeftovers(context, { labels, runUid: 'x' });
    } else {
      const { socketPath } = engine;
      const { serverVersion } = await connectEngine({ socketPath, signal, restartMs: 0 });
      assert.ok(serverVersion.length <= 1_000);
    }
  };
  const bodies = fc.oneof(hostileTexts(container), hostileTexts([container]), hostileTexts(identity));
  await readAll(await engineLanes(stack, reading), hostileAnswers(plain(bodies)));
});

const layer = {
  status: 'Downloading',
  id: 'a1',
  progressDetail: { current: 5, total: 10 },
  progress: '[=>]',
};
const failedLine = { errorDetail: { message: 'denied: access' }, error: 'denied: access' };
const event = {
  Type: 'container',
  Action: 'die',
  timeNano: 1e18,
  Actor: { ID: 'c', Attributes: { exitCode: '1' } },
};

const lines = (...honest: object[]) =>
  fc
    .array(
      fc.oneof(
        ...honest.map((one) => hostileTexts(one)),
        fc.constantFrom(...honest.map((o) => JSON.stringify(o))),
      ),
      {
        maxLength: 6,
      },
    )
    .map((some) => some.join('\n'));

test('the lines of a pull lead to a report that can be stored, or the pull fails', async () => {
  await using stack = new AsyncDisposableStack();
  const reading = (engine: Engine) => () => async (signal: AbortSignal) => {
    const live = new LiveReport();
    const pull = live.beginPull('x:1');
    const onProgress = (bytes: number, total: number, message: string) => {
      assert.ok(Number.isSafeInteger(bytes) && bytes >= 0, `${bytes} bytes`);
      assert.ok(Number.isSafeInteger(total) && total >= bytes, `${bytes} of ${total} bytes`);
      pull.moved(message, bytes, total);
      const report = live.snapshot();
      assert.is(boundsProblem(report, statusBounds), undefined);
      assert.ok(parseReport(terminationMessage(report)) !== undefined, JSON.stringify(report).slice(0, 300));
    };
    try {
      await pullOnce(engine, { image: 'x:1', onProgress, signal });
    } catch (error) {
      if (error instanceof assert.Assertion) throw error;
      throw toPullError(error, { image: 'x:1', tries: 1 });
    }
  };
  await readAll(await engineLanes(stack, reading), hostileAnswers(plain(lines(layer, failedLine))));
});

test('an event of the engine has a time and an exit code, or it is ignored', async () => {
  await using stack = new AsyncDisposableStack();
  const reading = (engine: Engine) => () => async (signal: AbortSignal) => {
    const stream = await openEvents(engine, 'c', 0, { signal });
    signal.addEventListener('abort', stream.close);
    for await (const { at, exitCode } of stream.events) {
      assert.match(new Date(at).toISOString(), /^\d{4}-/);
      assert.ok(Number.isInteger(exitCode) && exitCode >= 0 && exitCode <= 255, `exit code ${exitCode}`);
    }
  };
  await readAll(await engineLanes(stack, reading), hostileAnswers(plain(lines(event))));
});

test('any configuration of docker has logins, or is a problem of its Secret', () => {
  const login = {
    auth: Buffer.from('a:b').toString('base64'),
    username: 'a',
    password: 'b',
    identitytoken: 'c',
  };
  const config = { auths: { 'r.example.org': login, '*.example.org': { username: 'a', password: 'b' } } };
  const readAs = (key: string, text: string) => {
    try {
      const { entries } = registryAuths([{ name: 's', data: { [key]: text } }]);
      for (const { login: found } of entries) assert.type(JSON.stringify(found), 'string');
    } catch (error) {
      assert.instance(error, RunError, describe(error));
      checkFailure(error);
    }
  };
  for (const text of fc.sample(plain(hostileTexts(config)), { numRuns, seed }))
    for (const key of ['.dockerconfigjson', '.dockercfg']) readAs(key, text);
});

test.run();
