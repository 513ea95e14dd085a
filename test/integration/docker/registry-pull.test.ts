import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import type { Engine } from '../../../src/docker/engine.ts';
import { pullFromRegistry } from '../../../src/docker/pull/registry-pull.ts';
import { registryAuths } from '../../../src/docker/pull/docker-config.ts';
import { failureOf, never } from './engine-under-test.ts';

const socketPath = join(tmpdir(), `dockerrun-pull-${process.pid}.sock`);

type Pulls = { count: number; answer: (response: ServerResponse) => void };
const pulls: Pulls = { count: 0, answer: (response) => void response.end() };

/** How far both clocks run ahead, which a test controls; timers remain those of the machine. */
let aheadMs = 0;
const clocks = { date: Date.now, performance: performance.now.bind(performance) };
Date.now = () => clocks.date() + aheadMs;
performance.now = () => clocks.performance() + aheadMs;

const server = createServer((request, response) => {
  response.setHeader('content-type', 'application/json');
  if (request.method === 'GET') return response.end('{"Id":"sha256:1"}');
  pulls.count += 1;
  return pulls.answer(response);
});
server.listen(socketPath);
await once(server, 'listening');

const engine: Engine = {
  docker: new Docker({ socketPath }),
  socketPath,
  serverVersion: 'none',
  cgroupDriver: 'cgroupfs',
  cgroupVersion: '1',
  hasInit: true,
};

function pull(signal = never, firstPauseMs = 5): Promise<string> {
  const options = { image: 'x:1', auths: registryAuths([]), onProgress: () => undefined };
  return pullFromRegistry(engine, { ...options, signal, firstPauseMs });
}

/** The engine's answer after 25 s with a registry that accepts connections and stays silent. */
function silentRegistry(response: ServerResponse): void {
  aheadMs += 25_000;
  const message = 'net/http: request canceled (Client.Timeout exceeded while awaiting headers)';
  response.writeHead(500).end(JSON.stringify({ message: `Get "http://x/v2/": ${message}` }));
}

/** An engine that reports this answer of the registry. */
function refuses(message: string) {
  return (response: ServerResponse) => void response.writeHead(500).end(JSON.stringify({ message }));
}

/** A layer whose connection breaks after a minute of download. */
function cutAfterMinute(response: ServerResponse): void {
  const line = { status: 'Downloading', id: 'a', progressDetail: { current: 1, total: 2 } };
  response.write(`${JSON.stringify(line)}\n`, () => {
    aheadMs += 60_000;
    response.end('{"errorDetail":{"message":"unexpected EOF"}}\n');
  });
}

test.before.each(() => {
  pulls.count = 0;
});

/** What the start deadline throws. */
class Deadline extends Error {}

/** A pull that ends when the registry was asked `tries` times, and what was shown until then. */
async function pullUntil(tries: number): Promise<{ error: unknown; shown: string[] }> {
  const deadline = new AbortController();
  const shown: string[] = [];
  const onProgress = (_current: number, _total: number, message: string) => {
    shown.push(message);
    if (pulls.count >= tries) deadline.abort(new Deadline());
  };
  const options = {
    image: 'x:1',
    auths: registryAuths([]),
    onProgress,
    signal: deadline.signal,
    firstPauseMs: 5,
  };
  const error = await pullFromRegistry(engine, options).catch((thrown: unknown) => thrown);
  return { error, shown };
}

for (const [state, answer, text] of [
  ['accepts and stays silent', silentRegistry, 'awaiting headers'],
  ['answers 503', refuses('received unexpected HTTP status: 503 Service Unavailable'), '503'],
  ['limits requests', refuses('toomanyrequests: slow down'), 'slow down'],
  ['is closed', refuses('dial tcp 10.0.0.1:443: connect: connection refused'), 'connection refused'],
] as const) {
  test(`a registry that ${state} is waited for until the start deadline`, async () => {
    pulls.answer = answer;
    const { error, shown } = await pullUntil(8);
    assert.instance(error, Deadline);
    assert.is(pulls.count, 8);
    assert.match(shown.at(-1) ?? '', 'waiting for the registry docker.io (tried 8 times');
    assert.match(shown.at(-1) ?? '', text);
  });
}

test('a pull that is cut off after a minute is retried', async () => {
  pulls.answer = (response) => {
    if (pulls.count <= 2) cutAfterMinute(response);
    else response.end('{"status":"Download complete"}\n');
  };
  assert.is(await pull(), 'sha256:1');
  assert.is(pulls.count, 3);
});

test('a pull that is cut off every time ends after a bounded number of retries', async () => {
  pulls.answer = cutAfterMinute;
  assert.is((await failureOf(pull())).reason, 'ImagePullFailed');
  assert.is(pulls.count, 4);
});

test('the pause before a retry ends with the signal', async () => {
  const cancelling = new AbortController();
  pulls.answer = (response) => {
    response.once('finish', () => setTimeout(() => cancelling.abort(), 300));
    silentRegistry(response);
  };
  const begin = clocks.date();
  await failureOf(pull(cancelling.signal, 60_000));
  assert.ok(clocks.date() - begin < 20_000);
  assert.is(pulls.count, 1);
});

test.after(async () => {
  Date.now = clocks.date;
  performance.now = clocks.performance;
  server.closeAllConnections();
  server.close();
  await rm(socketPath, { force: true });
});

test.run();
