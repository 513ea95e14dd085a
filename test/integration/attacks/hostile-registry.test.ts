import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { boundsProblem, statusBounds } from '../../../src/api/json-values.ts';
import { parseReport, terminationMessage } from '../../../src/api/report.ts';
import type { Engine } from '../../../src/docker/engine.ts';
import { classifyPull, toPullError } from '../../../src/docker/engine-error.ts';
import { pullOnce } from '../../../src/docker/pull/pull-image.ts';
import { LiveReport } from '../../../src/worker/progress.ts';
import { hostileTexts } from '../../fixtures/builders-hostile.ts';
import { type HostileAnswer, hostileAnswers, HostileServer } from '../../fixtures/hostile-server.ts';
import { engineUnderTest } from '../docker/engine-under-test.ts';
import { type Lane, plain, readAll } from './hostile-reading.ts';

/**
 * Answers that no registry gives, to a real Docker Engine that pulls from it: what the engine makes of them ends each
 * pull in time, with a reason and a message within their bounds.
 */

const digest = `sha256:${'a'.repeat(64)}`;
const manifest = {
  schemaVersion: 2,
  mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
  config: { mediaType: 'application/vnd.docker.container.image.v1+json', size: 2, digest },
  layers: [{ mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip', size: 3, digest }],
};
const index = {
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.index.v1+json',
  manifests: [{ ...manifest.config, platform: { os: 'linux', architecture: 'amd64' } }],
};
const refusal = { errors: [{ code: 'DENIED', message: 'requested access is denied', detail: { a: [1] } }] };
const token = { token: 'abc', access_token: 'abc', expires_in: 300, issued_at: '2026-01-02T03:04:05Z' };

const welcome: HostileAnswer = { pieces: ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'] };
const challenge = (port: number): HostileAnswer => ({
  pieces: [
    `HTTP/1.1 401 x\r\nWww-Authenticate: Bearer realm="http://127.0.0.1:${port}/token",service="s"\r\n`,
    'Content-Length: 2\r\n\r\n{}',
  ],
});

const notAllowed: HostileAnswer = { pieces: ['HTTP/1.1 405 x\r\nContent-Length: 0\r\n\r\n'] };

const types = [undefined, manifest.mediaType, index.mediaType, 'application/json', 'text/html; charset=x'];

/** The engine reads no manifest without a type. */
function typed({ pieces, ...others }: HostileAnswer, type: string | undefined): HostileAnswer {
  if (type === undefined) return { pieces, ...others };
  const [head = '', ...rest] = pieces.map((piece) => Buffer.from(piece));
  const [line = '', ...more] = Buffer.from(head).toString('latin1').split('\r\n');
  const headed = [line, `Content-Type: ${type}`, ...more].join('\r\n');
  return { pieces: [Buffer.from(headed, 'latin1'), ...rest], ...others };
}

/** For one try of a pull; a run has its start deadline, and asks a registry that is away until then. */
const deadlineMs = 10_000;
/** How late a pull may end after that. */
const lateMs = 30_000;
/** How many registries are pulled from at once: a pull usually waits. */
const registries = 16;

const imageAt = (port: number) => `127.0.0.1:${port}/hostile/x:1`;

class Deadline extends Error {}

/** How many pulls ended in each way. */
type Ends = Map<string, number>;

function count(ends: Ends, end: string): void {
  ends.set(end, (ends.get(end) ?? 0) + 1);
}

async function pull(engine: Engine, port: number, ends: Ends): Promise<void> {
  const live = new LiveReport();
  const shown = live.beginPull('x:1');
  const onProgress = (bytes: number, total: number, message: string) => {
    shown.moved(message, bytes, total);
    const report = live.snapshot();
    assert.is(boundsProblem(report, statusBounds), undefined);
    assert.ok(parseReport(terminationMessage(report)) !== undefined, JSON.stringify(report).slice(0, 300));
  };
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(new Deadline('the start deadline')), deadlineMs);
  const startedAt = performance.now();
  try {
    await pullOnce(engine, { image: imageAt(port), onProgress, signal: deadline.signal });
    assert.unreachable('no image can come of this');
  } catch (error) {
    if (error instanceof assert.Assertion) throw error;
    const took = performance.now() - startedAt;
    assert.ok(took < deadlineMs + lateMs, `the pull took ${took} ms`);
    if (error instanceof Deadline) return count(ends, 'Deadline');
    const failure = toPullError(error, { image: imageAt(port), tries: 1 });
    count(ends, classifyPull(error) === 'away' ? 'away' : failure.reason);
    throw failure;
  } finally {
    clearTimeout(timer);
  }
}

/** Each of these ends is seen, and no other but the deadline: the generator reaches every class of failures. */
function check(ends: Ends, expected: readonly string[]): void {
  console.log(JSON.stringify(Object.fromEntries(ends)));
  // An engine that is busy may not answer before the deadline.
  assert.equal([...ends.keys()].filter((end) => end !== 'Deadline').toSorted(), expected);
}

test('a pull from a hostile registry ends by the start deadline, with a reason of its own', async () => {
  await using stack = new AsyncDisposableStack();
  const engine = await engineUnderTest();
  const ends: Ends = new Map();
  const lane = async (): Promise<Lane> => {
    const server = stack.use(await HostileServer.start({ port: 0, host: '127.0.0.1' }));
    const reading = (at: number) => {
      const first = at % 3 === 0 ? undefined : at % 3 === 1 ? welcome : challenge(server.port);
      server.answer = typed(server.answer, types[at % types.length]);
      server.honest = (request) => {
        if (/^(?:GET|HEAD) \/v2\/ /.test(request)) return first;
        // The engine then asks with GET, whose answer has a body.
        return request.startsWith('HEAD ') ? notAllowed : undefined;
      };
      return () => pull(engine, server.port, ends);
    };
    return { server, reading };
  };
  const bodies = [manifest, index, refusal, token].map((document) => hostileTexts(document));
  const all = await Promise.all(Array.from({ length: registries }, lane));
  await readAll(all, hostileAnswers(plain(fc.oneof(...bodies))), 400);
  check(ends, ['ImageNotFound', 'ImagePullFailed', 'away']);
});

/** What a registry writes goes into the engine's message; its text decides what follows. */
const phrases = [
  ...['denied', 'unauthorized', 'manifest unknown', 'toomanyrequests', 'no space left on device', 'EOF'],
  ...['repository ', 'manifest for ', ' not found', ' does not exist', 'x'.repeat(9_000), '\ud83d', '\u0000'],
  ...[
    'received unexpected HTTP status: 503 Service Unavailable',
    '<html>',
    '\n',
    '"',
    'Get "http://x/v2/": ',
  ],
];

test('any text of a registry that the engine relays is classified, and its message has a bound', async () => {
  await using stack = new AsyncDisposableStack();
  const engine = await engineUnderTest();
  const ends: Ends = new Map();
  const lane = async (): Promise<Lane> => {
    const server = stack.use(await HostileServer.start({ port: 0, host: '127.0.0.1' }));
    const reading = () => {
      server.honest = (request) => (/^(?:GET|HEAD) \/v2\/ /.test(request) ? welcome : undefined);
      return () => pull(engine, server.port, ends);
    };
    return { server, reading };
  };
  const text = fc
    .array(fc.constantFrom(...phrases), { minLength: 1, maxLength: 8 })
    .map((some) => some.join(''));
  const answers = fc
    .record({ text, code: text, status: fc.constantFrom(400, 401, 403, 404, 418, 429, 500, 503) })
    .map(({ text: message, code, status }): HostileAnswer => {
      const body = Buffer.from(JSON.stringify({ errors: [{ code, message, detail: message }] }));
      const head = `HTTP/1.1 ${status} x\r\nContent-Type: application/json\r\n`;
      return { pieces: [`${head}Content-Length: ${body.length}\r\n\r\n`, body] };
    });
  const all = await Promise.all(Array.from({ length: registries }, lane));
  await readAll(all, answers, 300);
  check(ends, ['EngineUnavailable', 'ImageNotFound', 'ImagePullFailed', 'away']);
});

test.run();
