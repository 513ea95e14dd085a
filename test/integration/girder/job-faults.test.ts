import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GirderJob } from '../../../src/girder/job/reported-job.ts';
import { withGirderJob } from '../../../src/worker/girder-job.ts';
import { LiveReport } from '../../../src/worker/progress.ts';
import { specOf } from '../../fixtures/builders.ts';
import { anEnvironment } from '../../fixtures/builders-worker.ts';
import { runErrorOf } from '../../fixtures/run-error.ts';
import { until } from '../../fixtures/until.ts';
import { girder } from '../../e2e/support/girder.ts';
import { aJob, cancelJob, logOf, statesOf } from '../../e2e/support/girder-job.ts';
import { GirderGate } from './girder-gate.ts';
import { JobUnderTest } from './job-under-test.ts';
import { girderEnvironment } from './real-girder.ts';

const patienceMs = 30_000;
const serverError = { status: 500, body: '{"message": "a fault", "type": "internal"}' } as const;

test('a Girder that answers with errors for seconds loses no line of the log, and causes one warning', async () => {
  await using under = await JobUnderTest.open();
  await under.job.start();
  const out = under.job.sink();
  const lines = Array.from({ length: 60 }, (_, index) => `line ${index}\n`);
  for (const [index, line] of lines.entries()) {
    if (index === 10)
      for (let times = 0; times < 4; times += 1) under.proxy.fail('PUT', '/job/', serverError);
    out.write(line);
    await sleep(100);
  }
  await under.job.finish({ kind: 'succeeded', message: '' });
  assert.is(await logOf(under.made.jobId), lines.join(''));
  assert.equal(await statesOf(under.made.jobId), [2, 3]);
  const warnings = under.logged.filter((line) => line.includes('cannot reach the Girder job'));
  assert.is(warnings.length, 1, under.logged.join(''));
});

test('a run waits for a Girder that is away when its job is opened until its start deadline, and says so', async () => {
  await using gate = await GirderGate.start(girderEnvironment().apiUrl);
  gate.setFault((socket) => socket.destroy());
  const { jobId: id, token } = await aJob({});
  const girder = { apiUrl: gate.url, job: { id, tokenSecretRef: { name: 'job', key: 'token' } } };
  const spec = specOf({ image: 'busybox:local', startDeadlineSeconds: 3, girder });
  const environment = anEnvironment(spec, { secretValue: async () => token });
  const { signal } = new AbortController();
  const options = { environment, report: new LiveReport(), log: pino({ enabled: false }), signal };
  const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
  const error = await runErrorOf(withGirderJob({ ...options, ...streams }, async () => undefined));
  assert.is(error.reason, 'StartDeadlineExceeded', error.message);
  assert.match(error.message, `Waiting for Girder at ${new URL(gate.url).host}`);
});

test('a part of the log whose answer was lost is not stored twice, and an equal part that never arrived is not lost', async () => {
  await using under = await JobUnderTest.open();
  const out = under.job.sink();
  out.write('tick\n');
  await sleep(1_000);
  under.proxy.fail('PUT', '/job/', { loseAnswer: true });
  out.write('tick\n');
  await sleep(2_500);
  under.proxy.fail('PUT', '/job/', serverError);
  out.write('tick\n');
  await under.job.finish({ kind: 'succeeded', message: '' });
  assert.is(await logOf(under.made.jobId), 'tick\ntick\ntick\n');
});

test('a cancel is seen although the poll before it failed', async () => {
  await using under = await JobUnderTest.open();
  await under.job.start();
  under.proxy.fail('PUT', '/job/', serverError);
  await cancelJob(under.made.jobId);
  await until('the cancel is seen', () => under.job.cancelled.aborted, { withinMs: patienceMs });
});

/** Waits until the log shows that reporting to the job has ended. */
async function untilGivenUp({ logged }: JobUnderTest): Promise<void> {
  const isGivenUp = () => logged.some((line) => line.includes('stopped reporting to the Girder job'));
  await until('the reporting has ended', isGivenUp, { withinMs: patienceMs });
}

test('a token that is refused later ends the reporting with one warning, and does not end the run', async () => {
  await using under = await JobUnderTest.open();
  await under.job.start();
  const refused = { status: 401, body: '{"message": "no", "type": "access"}' };
  for (let times = 0; times < 10; times += 1) under.proxy.fail('PUT', '/job/', refused);
  const out = under.job.sink();
  out.write('lost\n');
  await untilGivenUp(under);
  out.write('lost too\n');
  const puts = under.puts;
  await under.job.finish({ kind: 'succeeded', message: '' });
  assert.is(under.puts, puts);
  assert.not(under.job.cancelled.aborted);
  assert.is(under.logged.length, 1, under.logged.join(''));
});

test('a token of a job that is rejected is read again, until the new one has arrived', async () => {
  const made = await aJob();
  let token = 'no-token-of-girder';
  const given = { ...made, token: async () => token, renewalMs: patienceMs };
  const { apiUrl } = girderEnvironment();
  const signal = AbortSignal.timeout(patienceMs);
  const opening = GirderJob.open({ apiUrl, ...given, signal });
  assert.match(String(await opening.catch((thrown: unknown) => thrown)), 'the token has no write access');
  token = made.token;
  await using under = await JobUnderTest.open({}, {}, given);
  await under.job.start();
  const refused = { status: 401, body: '{"message": "no", "type": "access"}' };
  for (let times = 0; times < 3; times += 1) under.proxy.fail('PUT', '/job/', refused);
  under.job.sink().write('kept\n');
  const isRetried = () => under.logged.some((line) => line.includes('cannot reach the Girder job'));
  await until('the rejection is logged', isRetried, { withinMs: patienceMs });
  await under.job.finish({ kind: 'succeeded', message: '' });
  assert.is(await logOf(made.jobId), 'kept\n');
});

test('what Girder knows of the token of a job is reported', async () => {
  const ends: (number | undefined)[] = [];
  const onToken = ({ expires }: { expires: number | undefined }) => void ends.push(expires);
  await using under = await JobUnderTest.open({}, {}, { onToken });
  assert.ok(Number(ends[0]) > Date.now(), under.made.jobId);
});

test('a job that is deleted in Girder during its run ends only the reporting', async () => {
  await using under = await JobUnderTest.open();
  await under.job.start();
  await girder('DELETE', `job/${under.made.jobId}`);
  under.job.sink().write('to nobody\n');
  await untilGivenUp(under);
  const puts = under.puts;
  await under.job.finish({ kind: 'succeeded', message: '' });
  assert.is(under.puts, puts);
  assert.not(under.job.cancelled.aborted);
});

test('a Girder that never answers again does not hold up the end for long', async () => {
  await using under = await JobUnderTest.open({}, { finish: 3_000 });
  await under.job.start();
  for (let times = 0; times < 20; times += 1) under.proxy.fail('PUT', '/job/', { silence: true });
  under.job.addLogLine('lost');
  const started = performance.now();
  await under.job.finish({ kind: 'succeeded', message: '' });
  assert.ok(performance.now() - started < 30_000);
});

test('a request without an answer loses nothing of the log, whether the run ends meanwhile or continues', async () => {
  await using under = await JobUnderTest.open();
  await under.job.start();
  under.proxy.fail('PUT', '/job/', { silence: true });
  under.job.addLogLine('while it goes on');
  const puts = under.puts;
  await until('the log is sent again', () => under.puts >= puts + 3, { withinMs: patienceMs });
  under.proxy.fail('PUT', '/job/', { silence: true });
  under.job.addLogLine('at the end');
  await under.job.finish({ kind: 'failed', message: 'the last word' });
  assert.is(await logOf(under.made.jobId), 'while it goes on\nat the end\nthe last word\n');
  assert.equal(await statesOf(under.made.jobId), [2, 4]);
});

test('a final state that is not answered is sent again in time', async () => {
  // No poll consumes the injected fault.
  await using under = await JobUnderTest.open({}, { poll: patienceMs });
  await under.job.start();
  under.proxy.fail('PUT', '/job/', { silence: true });
  await under.job.finish({ kind: 'succeeded', message: '' });
  assert.equal(await statesOf(under.made.jobId), [2, 3]);
});

test('a cancel is seen within seconds although the poll before it gets no answer', async () => {
  await using under = await JobUnderTest.open();
  await under.job.start();
  under.proxy.fail('PUT', '/job/', { silence: true });
  const puts = under.puts;
  await until('a poll stays without an answer', () => under.puts > puts, { withinMs: patienceMs });
  await cancelJob(under.made.jobId);
  await until('the cancel is seen', () => under.job.cancelled.aborted, { withinMs: 60_000 });
});

test('the token of a job does not appear in the log', async () => {
  await using under = await JobUnderTest.open();
  under.proxy.fail('PUT', '/job/', serverError);
  under.proxy.fail('PUT', '/job/', { loseAnswer: true });
  under.job.addLogLine('something');
  await under.job.finish({ kind: 'failed', message: 'the end' });
  assert.ok(under.logged.length > 0);
  assert.not.match(under.logged.join(''), under.made.token);
});

test.run();
