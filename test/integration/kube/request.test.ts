import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ApiCall } from '../../../src/kube/connection.ts';
import { KubeError } from '../../../src/kube/kube-error.ts';
import { requestJson } from '../../../src/kube/request.ts';
import { WatchServer } from './watch-server.ts';

const path = '/api/v1/namespaces/lab/configmaps';
const signal = AbortSignal.timeout(60_000);
const later = { 'retry-after': '1' };

const failureOf = (request: Promise<unknown>): Promise<unknown> =>
  request.then(
    () => undefined,
    (error: unknown) => error,
  );

test('a read that is throttled is sent again after Retry-After', async () => {
  await using server = await WatchServer.start();
  const answer = requestJson(server.connection, { method: 'GET', path, signal });
  const first = await server.next();
  first.refuse(429, 'TooManyRequests', later);
  const second = await server.next();
  assert.ok(second.at - first.at >= 990, `asked again after ${second.at - first.at} ms`);
  second.list(7, []);
  assert.ok(JSON.stringify(await answer).includes('"resourceVersion":"7"'));
});

test('a read with a Retry-After of more than half a minute fails at once, and its error has the time', async () => {
  await using server = await WatchServer.start();
  const failure = failureOf(requestJson(server.connection, { method: 'GET', path, signal }));
  (await server.next()).refuse(429, 'TooManyRequests', { 'retry-after': '120' });
  const error = await failure;
  assert.ok(error instanceof KubeError && error.status === 429 && error.retryAfterSeconds === 120);
});

test('a write that is throttled is not retried; its caller gets the error', async () => {
  await using server = await WatchServer.start();
  const failure = failureOf(requestJson(server.connection, { method: 'POST', path, body: {}, signal }));
  (await server.next()).refuse(429, 'TooManyRequests', later);
  const error = await failure;
  assert.ok(error instanceof KubeError && error.status === 429 && error.retryAfterSeconds === 1);
});

test('a read on a connection that the server closed while it was idle is sent again, a write is not', async () => {
  await using server = await WatchServer.start();
  for (const method of ['GET', 'POST'] as const) {
    const warmUp = requestJson(server.connection, { method: 'GET', path, signal });
    (await server.next()).list(1, []);
    await warmUp;
    const answer = failureOf(requestJson(server.connection, { method, path, signal }));
    (await server.next()).response.socket?.resetAndDestroy();
    if (method === 'GET') (await server.next()).list(2, []);
    const error = await answer;
    assert.is(error instanceof KubeError ? error.status : error, method === 'GET' ? undefined : 0);
  }
});

test('every request is reported with the status code of its answer, or 0', async () => {
  await using server = await WatchServer.start();
  const calls: ApiCall[] = [];
  const connection = { ...server.connection, observe: (call: ApiCall) => void calls.push(call) };
  const read = requestJson(connection, { method: 'GET', path: `${path}/secret-name`, signal });
  (await server.next()).list(1, []);
  await read;
  const write = failureOf(
    requestJson(connection, { method: 'PATCH', path: `${path}/x/status`, body: {}, signal }),
  );
  (await server.next()).refuse(409, 'Conflict');
  await write;
  const lost = failureOf(requestJson(connection, { method: 'DELETE', path: `${path}/x`, signal }));
  (await server.next()).response.socket?.resetAndDestroy();
  await lost;
  const reported = calls.map(({ verb, resource, code }) => `${verb} ${resource} ${code}`);
  assert.equal(reported, ['get configmaps 200', 'patch configmaps/status 409', 'delete configmaps 0']);
  assert.ok(calls.every(({ seconds }) => seconds > 0 && seconds < 10));
});

test.run();
