import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import Docker from 'dockerode';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { type Engine, connectEngine } from '../../../src/docker/engine.ts';
import { engineCall, engineStream } from '../../../src/docker/engine-call.ts';
import { runContainer } from '../../../src/docker/run-container.ts';
import { ensureImage } from '../../../src/docker/pull/ensure-image.ts';
import { until } from '../../fixtures/until.ts';
import { failureOf, never } from './engine-under-test.ts';

const socketPath = join(tmpdir(), `dockerrun-faults-${process.pid}.sock`);

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
const routes: { answer: Answer } = { answer: (_request, response) => void response.end() };

const server = createServer((request, response) => {
  // An engine that is there, whatever it answers to other requests.
  if (request.url === '/_ping') return void response.end('OK');
  return routes.answer(request, response);
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

/** Sends half of the announced answer and closes: dockerode's promise then never settles. */
const halfAnAnswer: Answer = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 });
  response.write('{"Id":', () => setTimeout(() => response.destroy(), 20));
};

/** Less than the 30 s that a call may take without a cancel. */
const soonMs = 10_000;

async function failsSoon(promise: Promise<unknown>): Promise<void> {
  const begin = Date.now();
  await failureOf(promise);
  assert.ok(Date.now() - begin < soonMs, `${Date.now() - begin} ms`);
}

test('a call whose answer is cut off settles at its deadline', async () => {
  routes.answer = halfAnAnswer;
  const container = engine.docker.getContainer('x');
  await failsSoon(engineCall({ timeoutMs: 500 }, (abortSignal) => container.inspect({ abortSignal })));
});

test('a call that gets no answer settles as soon as it is cancelled', async () => {
  routes.answer = () => undefined;
  const container = engine.docker.getContainer('x');
  await failsSoon(
    engineCall({ signal: AbortSignal.timeout(100) }, (abortSignal) => container.inspect({ abortSignal })),
  );
});

test('a stream that is opened after its deadline is closed, not leaked', async () => {
  let isClosed = false;
  routes.answer = (request, response) => {
    request.socket.once('close', () => (isClosed = true));
    setTimeout(() => response.writeHead(200).flushHeaders(), 300);
  };
  await failureOf(
    engineStream({ timeoutMs: 100 }, (abortSignal) => engine.docker.getEvents({ abortSignal })),
  );
  await until('the stream is closed', () => isClosed);
});

test('events that break while the mounts are checked fail the run, and its container is removed', async () => {
  const received: string[] = [];
  routes.answer = ({ method, url = '' }, response) => {
    received.push(`${method} ${url.replace(/\?.*/, '')}`);
    if (url.startsWith('/events')) return void response.destroy();
    if (url.startsWith('/containers/create')) return void response.writeHead(201).end('{"Id":"x"}');
    // The answer of a probe comes after the events have failed.
    if (method === 'HEAD') return void setTimeout(() => response.end(), 200);
    return void response.writeHead(404).end('{"message":"no such container"}');
  };
  const mount = { type: 'bind', source: '/tmp', target: '/data', readOnly: false } as const;
  const mounts = [{ ...mount, probe: { file: 'probe' } }];
  const options = { name: 'x', labels: {}, image: 'busybox:local', args: [], env: [], mounts };
  const nowhere = () => new PassThrough().resume();
  const sinks = { stdout: nowhere(), stderr: nowhere(), onStarted: () => undefined, stopGraceMs: 0 };
  const failure = await failureOf(runContainer({ engine, signal: never }, options, sinks));
  assert.is(failure.reason, 'EngineUnavailable', failure.message);
  assert.ok(received.includes('HEAD /containers/x/archive'));
  assert.not(received.includes('POST /containers/x/start'));
  assert.is(received.at(-1), 'GET /containers/x/json');
});

test('a server on the socket that is not an engine is reported as such', async () => {
  routes.answer = (_request, response) => void response.end('"hello"');
  const failure = await failureOf(connectEngine({ socketPath, signal: never, restartMs: 100 }));
  assert.is(failure.reason, 'EngineUnavailable');
  assert.match(failure.message, 'not a Docker Engine');
});

/** Lets an engine without the image answer a pull with these lines, and then end or break the answer. */
function pullAnswering(lines: string, end: 'end' | 'break'): void {
  routes.answer = (request, response) => {
    if (request.method === 'GET') {
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end('{"message":"No such image: x:1"}');
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write(lines, () => (end === 'end' ? response.end() : response.destroy()));
  };
}

for (const [what, lines, end] of [
  ['breaks off', '{"status":"Pulling from x"}\n', 'break'],
  ['ends in the middle of a line', '{"status":"Pul', 'end'],
  ['ends well without the image being there', '{"status":"Status: Downloaded"}\n', 'end'],
  ['answers with something that is not JSON', '<html>\n', 'end'],
  ['ends with an error line', '{"status":"x"}\n{"errorDetail":{"message":"unexpected EOF"}}\n', 'end'],
] as const) {
  test(`a pull that ${what} is not a success`, async () => {
    pullAnswering(lines, end);
    const failure = await failureOf(
      ensureImage({ engine, signal: never }, { image: 'x:1', policy: 'Always', onProgress: () => undefined }),
    );
    assert.is(failure.reason, 'ImagePullFailed');
  });
}

test.after(async () => {
  server.closeAllConnections();
  server.close();
  await rm(socketPath, { force: true });
});

test.run();
