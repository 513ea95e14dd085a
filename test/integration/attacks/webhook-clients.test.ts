import { once } from 'node:events';
import { type IncomingMessage, type RequestOptions } from 'node:http';
import { request } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { connect } from 'node:tls';
import { pino } from 'pino';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import {
  AdmissionServer,
  maxBodiesBytes,
  maxReviewBytes,
} from '../../../src/controller/admission/admission-server.ts';
import { makeCertificate } from '../../../src/controller/admission/webhook-certificate.ts';
import { workerConfig } from '../../fixtures/builders.ts';
import { aReview } from '../../fixtures/admission-reviews.ts';
import { until } from '../../fixtures/until.ts';

/** What a pod that reaches the port of the webhook can do to it. */

type World = { server: AdmissionServer; port: number; isReady: boolean; verdicts: string[] };
const test = suite<World>('clients of the webhook');

const pair = makeCertificate('localhost', new Date());
const body = aReview({ object: { metadata: { generation: 1 }, spec: { image: 'a', args: ['$(nosuch)'] } } });

test.before.each(async (world) => {
  world.isReady = true;
  world.verdicts = [];
  world.server = new AdmissionServer({
    rules: { policyIn: () => ({}), worker: workerConfig },
    isReady: () => world.isReady,
    onVerdict: (verdict) => void world.verdicts.push(verdict),
    log: pino({ level: 'silent' }),
  });
  world.server.useCertificate(pair);
  world.port = await world.server.listen(0);
});
test.after.each(({ server }) => server.close());

const options = ({ port }: World, more: RequestOptions = {}): RequestOptions & { ca: string } => ({
  ...{ host: 'localhost', port, path: '/validate', method: 'POST', ca: pair.ca, agent: false, ...more },
});

/** The status code and the text of an answer. */
async function ask(world: World, text: string, more: RequestOptions = {}): Promise<[number, string]> {
  const sent = request(options(world, more));
  sent.end(text);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  let answer = '';
  for await (const chunk of response) answer += String(chunk);
  return [response.statusCode ?? 0, answer];
}

test('a review is answered, and anything else is an error that concerns only its client', async (world) => {
  const [status, answer] = await ask(world, body);
  assert.is(status, 200);
  assert.match(answer, '"code":422');
  assert.is((await ask(world, 'no JSON'))[0], 400);
  assert.is((await ask(world, ''))[0], 400);
  assert.is((await ask(world, body, { path: '/metrics' }))[0], 404);
  assert.is((await ask(world, body, { method: 'PUT' }))[0], 405);
  assert.is((await ask(world, body))[0], 200);
});

test('until the policies are known, nothing is judged', async (world) => {
  world.isReady = false;
  assert.is((await ask(world, body))[0], 503);
  assert.equal(world.verdicts, ['unavailable']);
});

test('a body that is too large is refused, announced or not', async (world) => {
  const announced = request(options(world, { headers: { 'content-length': maxReviewBytes + 1 } }));
  announced.on('error', () => undefined);
  announced.flushHeaders();
  const [response] = (await once(announced, 'response')) as [IncomingMessage];
  assert.is(response.statusCode, 413);
  announced.destroy();
  const chunked = { headers: { 'transfer-encoding': 'chunked' } };
  const answered = await ask(world, 'x'.repeat(maxReviewBytes + 1), chunked).catch(() => [413, '']);
  assert.is(answered[0], 413);
  assert.is((await ask(world, body))[0], 200);
});

test('clients that send nothing, or slowly, are cut off, and the API server is served meanwhile', async (world) => {
  const silent = connectPlain(world.port, 'localhost');
  const noRequest = connect({ port: world.port, host: 'localhost', ca: pair.ca });
  const slow = connect({ port: world.port, host: 'localhost', ca: pair.ca });
  const sockets = [silent, noRequest, slow];
  for (const socket of sockets) socket.on('error', () => undefined).resume();
  await once(slow, 'secureConnect');
  slow.write('POST /validate HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n{"a":');
  const drip = setInterval(() => slow.write(' '), 100);
  assert.is((await ask(world, body))[0], 200);
  await until('all of them are cut off', () => sockets.map((socket) => socket.closed), {
    ...{ holds: (closed) => closed.every(Boolean), withinMs: 20_000 },
  });
  clearInterval(drip);
  assert.is((await ask(world, body))[0], 200);
});

test('the memory for bodies is bounded: beyond it, reviews are not judged, and later again', async (world) => {
  const many = Math.ceil(maxBodiesBytes / maxReviewBytes) + 2;
  const held = Array.from({ length: many }, () =>
    request(options(world, { headers: { 'content-length': maxReviewBytes } })),
  );
  const codes: (number | undefined)[] = [];
  for (const one of held) {
    one.on('error', () => undefined).on('response', (response) => codes.push(response.statusCode));
    one.flushHeaders();
  }
  await until('one is refused', () => codes, { holds: (found) => found.includes(503) });
  for (const one of held) one.destroy();
  await until('a review is judged again', () => ask(world, body).catch(() => [0, '']), {
    holds: ([status]) => status === 200,
  });
});

test('a certificate that is unusable is not taken, and the one before stays', async (world) => {
  assert.throws(() => world.server.useCertificate({ key: 'x', cert: 'y' }));
  assert.is((await ask(world, body))[0], 200);
  const next = makeCertificate('localhost', new Date());
  world.server.useCertificate(next);
  assert.is((await ask(world, body, { ca: next.ca } as RequestOptions))[0], 200);
});

test.run();
