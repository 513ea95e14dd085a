import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GirderJob } from '../../../src/girder/job/reported-job.ts';
import { defaultJobTiming } from '../../../src/girder/job/route.ts';
import { raceAbort } from '../../../src/support/abort.ts';
import { RunError } from '../../../src/support/errors.ts';
import { until } from '../../fixtures/until.ts';
import { aJob, cancelJob, logOf, statesOf, storedJob, type WantedJob } from '../../e2e/support/girder-job.ts';
import { JobUnderTest } from './job-under-test.ts';
import { girderEnvironment } from './real-girder.ts';

const { apiUrl } = girderEnvironment();
const signal = new AbortController().signal;

/** The error with which opening a job is refused. */
async function refusal(job: { jobId: string; token: string }): Promise<RunError> {
  try {
    (await GirderJob.open({ apiUrl, ...job, signal })).close();
  } catch (error) {
    if (error instanceof RunError) return error;
    throw error;
  }
  throw new Error('the job was opened');
}

/** Resolves with the reason once the run is notified that its job was cancelled, or after 30 s. */
async function cancelReason(job: GirderJob): Promise<unknown> {
  try {
    await raceAbort(
      new Promise(() => undefined),
      AbortSignal.any([job.cancelled, AbortSignal.timeout(30_000)]),
    );
  } catch (error) {
    return error;
  }
  return undefined;
}

async function untilProgress(jobId: string): Promise<void> {
  const progress = async () => (await storedJob(jobId)).progress;
  await until('the job shows progress', progress, { withinMs: 30_000, everyMs: 100 });
}

test('a run that succeeds, fails or is cancelled takes its job from RUNNING to that end', async () => {
  for (const [kind, status] of [
    ['succeeded', 3],
    ['failed', 4],
    ['cancelled', 5],
  ] as const) {
    await using under = await JobUnderTest.open();
    await under.job.start();
    await under.job.finish({ kind, message: `It ${kind}.` });
    assert.equal(await statesOf(under.made.jobId), [2, status]);
    assert.is(await logOf(under.made.jobId), `It ${kind}.\n`);
  }
});

test('a run that ends before its start still reports its end to its job', async () => {
  await using under = await JobUnderTest.open();
  await under.job.finish({ kind: 'failed', message: 'no such image' });
  assert.equal(await statesOf(under.made.jobId), [2, 4]);
});

test('a later attempt continues with the RUNNING job', async () => {
  await using under = await JobUnderTest.open();
  await under.job.start();
  under.job.addLogLine('first attempt');
  await under.job.detach();
  assert.is(await logOf(under.made.jobId), 'first attempt\n');
  const again = await GirderJob.open({ apiUrl, ...under.made, signal });
  await again.start();
  await again.finish({ kind: 'succeeded', message: '' });
  assert.equal(await statesOf(under.made.jobId), [2, 3]);
});

test('the log has the bytes of both streams, and no character is broken where the bytes were cut', async () => {
  await using under = await JobUnderTest.open();
  const [out, err] = [under.job.sink(), under.job.sink()];
  const text = 'grün 日本語 😀 \u0000&=+% \r\n';
  const bytes = Buffer.from(text.repeat(20));
  for (const byte of bytes) out.write(Buffer.of(byte));
  err.write(Buffer.from('ß').subarray(0, 1));
  err.write(Buffer.from([0x9f, 0xff, 0x0a]));
  under.job.addLogLine('a line of ours');
  await under.job.finish({ kind: 'succeeded', message: 'done' });
  assert.is(await logOf(under.made.jobId), `${text.repeat(20)}ß\ufffd\na line of ours\ndone\n`);
});

test('ten thousand lines are all sent, in few requests', async () => {
  await using under = await JobUnderTest.open();
  const out = under.job.sink();
  const lines = Array.from({ length: 10_000 }, (_, index) => `line ${index} of the output\n`);
  for (const line of lines) out.write(line);
  await under.job.finish({ kind: 'succeeded', message: '' });
  assert.ok(under.puts < 10, `${under.puts} requests`);
  assert.is(await logOf(under.made.jobId), lines.join(''));
});

test('progress is reported during the run, and its last values before the end', async () => {
  await using under = await JobUnderTest.open();
  const before = under.puts;
  const begin = performance.now();
  for (let current = 0; current <= 1000; current += 1) {
    under.job.progress({ message: `file ${current}`, current, total: 1000 });
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const most = 2 + Math.ceil((performance.now() - begin) / defaultJobTiming.spacing);
  assert.ok(under.puts - before <= most, `${under.puts - before} requests`);
  await untilProgress(under.made.jobId);
  under.job.progress({ message: 'over' });
  await under.job.finish({ kind: 'succeeded', message: '' });
  // Girder 3 adds the id of a notification.
  const { message, current, total } = (await storedJob(under.made.jobId)).progress ?? {};
  assert.equal({ message, current, total }, { message: 'over', current: 1000, total: 1000 });
});

test('a cancel in Girder is seen, and the job ends as CANCELED', async () => {
  const cases: readonly [WantedJob, readonly number[]][] = [
    [{}, [2, 5]],
    [{ handler: 'celery_handler', celeryTaskId: 'none' }, [2, 824, 5]],
    [{ handler: 'worker_handler', celeryTaskId: 'none', status: 1 }, [1, 2, 824, 5]],
  ];
  for (const [wanted, states] of cases) {
    await using under = await JobUnderTest.open(wanted);
    await under.job.start();
    await cancelJob(under.made.jobId);
    const reason = await cancelReason(under.job);
    assert.ok(reason instanceof RunError && reason.reason === 'CancelledInGirder', String(reason));
    await under.job.finish({ kind: 'cancelled', message: 'stopped' });
    assert.equal(await statesOf(under.made.jobId), states);
  }
});

test('a success that comes after the cancel leaves the job CANCELED', async () => {
  await using under = await JobUnderTest.open({ handler: 'celery_handler', celeryTaskId: 'none' });
  await under.job.start();
  await cancelJob(under.made.jobId);
  await under.job.finish({ kind: 'succeeded', message: '' });
  assert.equal(await statesOf(under.made.jobId), [2, 824, 5]);
});

test('a job that was cancelled between opening and starting does not start', async () => {
  await using under = await JobUnderTest.open();
  await cancelJob(under.made.jobId);
  try {
    await under.job.start();
    assert.unreachable();
  } catch (error) {
    assert.ok(error instanceof RunError && error.reason === 'CancelledInGirder', String(error));
  }
  assert.ok(under.job.cancelled.aborted);
});

test('a job that was cancelled before is not opened, and its cancel is completed', async () => {
  const made = await aJob({ handler: 'celery_handler', celeryTaskId: 'none', status: 824 });
  const error = await refusal(made);
  assert.is(error.reason, 'CancelledInGirder');
  assert.match(error.message, made.jobId);
  assert.equal(await statesOf(made.jobId), [824, 5]);
});

test('a job that has ended is not run again, and no end is reported to it', async () => {
  const made = await aJob({ status: 3 });
  const error = await refusal(made);
  assert.is(error.reason, 'InvalidSpec');
  assert.match(error.message, /^spec\.girder\.job\.id: .* ended with SUCCESS/);
  assert.is(await GirderJob.openUnlessEnded({ apiUrl, ...made, signal }), undefined);
});

test('a late report to a job that was cancelled only completes its cancel', async () => {
  const made = await aJob({ handler: 'celery_handler', celeryTaskId: 'none', status: 824 });
  assert.is(await GirderJob.openUnlessEnded({ apiUrl, ...made, signal }), undefined);
  assert.equal(await statesOf(made.jobId), [824, 5]);
});

test('an unknown id, a malformed id and a token of another job have different errors', async () => {
  const [made, other] = [await aJob(), await aJob()];
  const cases = [
    [{ ...made, jobId: '5f0c0c0c0c0c0c0c0c0c0c0c' }, 'GirderNotFound', /^spec\.girder\.job\.id: /],
    [{ ...made, jobId: 'my job' }, 'GirderNotFound', /^spec\.girder\.job\.id: /],
    [{ ...made, token: 'wrong' }, 'GirderUnauthorized', /^spec\.girder\.job\.tokenSecretRef: /],
    [{ ...made, token: other.token }, 'GirderUnauthorized', /^spec\.girder\.job\.tokenSecretRef: /],
  ] as const;
  for (const [given, reason, message] of cases) {
    const error = await refusal(given);
    assert.is(error.reason, reason);
    assert.match(error.message, message);
    assert.not.match(error.message, given.token === 'wrong' ? / wrong token/ : given.token);
  }
});

test.run();
