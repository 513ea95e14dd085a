import { freePorts } from '../../fixtures/free-ports.ts';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import type { Report } from '../../../src/api/report.ts';
import { askWorkerOver } from '../../../src/controller/observe/worker-reports.ts';
import { serveProgress } from '../../../src/worker/report-server.ts';

type World = { port: number; report: Report; server: { close: () => void } };
const test = suite<World>('progress server');
const podUid = '0b9ad1c6-8f7f-4f0e-9d5c-3c0f6f1f2a3b';
const live: Report = { phase: 'Uploading' };
const result = { hook: 0, itemId: 'i', fileId: 'f', name: 'n'.repeat(200), size: 1, sha256: '0'.repeat(64) };

test.before.each(async (context) => {
  [context.port = 0] = await freePorts(1);
  context.report = live;
  context.server = serveProgress({ port: context.port, podUid, report: () => context.report });
});
test.after.each(({ server }) => server.close());

const ask = (port: number) =>
  askWorkerOver(port)({ podIP: '127.0.0.1', uid: podUid }, AbortSignal.timeout(5_000));

test('a request gets the current report', async ({ port }) => {
  assert.equal(await ask(port), live);
});

test('only read requests are answered', async ({ port }) => {
  assert.is((await fetch(`http://127.0.0.1:${port}/${podUid}`, { method: 'POST' })).status, 405);
});

test('an answer that is too long for a report is ignored', async (context) => {
  context.report = { ...live, results: Array.from({ length: 700 }, () => result) };
  assert.is(await ask(context.port), undefined);
  const whole: unknown = await (await fetch(`http://127.0.0.1:${context.port}/${podUid}`)).json();
  assert.equal(whole, { podUID: podUid, ...context.report });
});

test.run();
