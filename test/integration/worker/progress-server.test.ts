import { once } from 'node:events';
import { createServer } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseReport, type Report } from '../../../src/api/report.ts';
import { askWorkerOver } from '../../../src/controller/observe/ask-worker.ts';
import { type ProgressServer, serveProgress } from '../../../src/worker/progress-server.ts';

const test = suite<{ port: number; server: ProgressServer }>('progress server');
const never = new AbortController().signal;
const live: Report = { phase: 'Uploading' };
const result = { hook: 0, itemId: 'i', fileId: 'f', name: 'n'.repeat(200), size: 1, sha256: '0'.repeat(64) };
const final: Report = {
  ...{ phase: 'Succeeded', reason: 'Succeeded', message: 'Done.' },
  results: Array.from({ length: 700 }, () => result),
};

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

test.before.each(async (context) => {
  context.port = await freePort();
  context.server = serveProgress(context.port, () => live);
});
test.after.each(({ server }) => server.close());

const ask = (port: number) => askWorkerOver(port)('127.0.0.1', AbortSignal.timeout(5_000));

test('who asks gets the report of the moment', async ({ port }) => {
  assert.equal(await ask(port), live);
});

test('it only answers what reads', async ({ port }) => {
  assert.is((await fetch(`http://127.0.0.1:${port}/`, { method: 'POST' })).status, 405);
});

test('what a final word has no room for is told until the controller has asked twice', async ({
  port,
  server,
}) => {
  await ask(port);
  let isTold = false;
  const told = server.tell(final, 10_000, never).then(() => (isTold = true));
  assert.equal(await ask(port), final);
  assert.is(isTold, false);
  await ask(port);
  await told;
});

test('nobody is waited for longer than that', async ({ server }) => {
  await server.tell(final, 50, never);
});

test('a worker that is told to stop does not wait', async ({ server }) => {
  const stop = new AbortController();
  const told = server.tell(final, 10_000, stop.signal);
  stop.abort('SIGTERM');
  await told;
});

test('an answer that is too long for a report is none', async ({ port, server }) => {
  const many = Array.from({ length: 3000 }, () => result);
  const told = server.tell({ ...final, results: many }, 1_000, never);
  assert.is(await ask(port), undefined);
  const whole = await (await fetch(`http://127.0.0.1:${port}/`)).text();
  assert.is(parseReport(whole)?.results?.length, 3000);
  await told;
});

test.run();
