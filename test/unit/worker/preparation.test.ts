import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { describe, RunError } from '../../../src/support/errors.ts';
import { Preparation, startDeadlineExceeded } from '../../../src/worker/preparation.ts';
import { LiveReport } from '../../../src/worker/progress.ts';
import { aSpec } from '../../fixtures/builders.ts';
import { anEnvironment } from '../../fixtures/builders-worker.ts';
import { until } from '../../fixtures/until.ts';

/** A preparation with a start deadline in seconds. */
function aPreparation(startDeadlineSeconds: number, stop = new AbortController()) {
  const report = new LiveReport();
  const environment = anEnvironment(aSpec({ startDeadlineSeconds }));
  return { report, stop, preparation: new Preparation({ environment, report, signal: stop.signal }) };
}

/** Never resolves; rejects when the signal aborts. */
const hanging = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')));
  });

const failureOf = (promise: Promise<unknown>) => promise.then(String, (thrown: unknown) => describe(thrown));

test('a run that exceeds its start deadline reports what it was waiting for', async () => {
  const { report, preparation } = aPreparation(0.01);
  using _ = report.beginPull('busybox:1.36');
  assert.is(
    await failureOf(preparation.run(hanging)),
    'the run was still being prepared after 0.01 s: Pulling busybox:1.36',
  );
});

test('an engine that does not answer is shown until the start deadline, and in its message', async () => {
  const { report, preparation } = aPreparation(0.2);
  const away = new RunError('EngineUnavailable', 'nobody listens', { cause: new Error('ECONNREFUSED') });
  const waiting = preparation.run(() => preparation.engineWait.until(() => Promise.reject(away)));
  const { progress, reason, phase } = await until('the report shows it', () => report.snapshot(), {
    holds: ({ reason: shown }) => shown !== undefined,
  });
  assert.equal([phase, reason], ['Preparing', 'EngineUnavailable']);
  const shown = 'The Docker Engine of node node-1 does not answer, and the run waits for it: nobody listens';
  assert.is(progress?.message, shown);
  assert.is(await failureOf(waiting), `the run was still being prepared after 0.2 s: ${shown}`);
});

test('after the start of the target, the start deadline does not count', async () => {
  const { preparation } = aPreparation(0.01);
  preparation.end();
  // This one began later and has exceeded its deadline.
  await failureOf(aPreparation(0.01).preparation.run(hanging));
  assert.not(preparation.exceeded.aborted);
});

test('a run that is stopped while it is prepared fails with the reason of the stop', async () => {
  const { stop, preparation } = aPreparation(60);
  using _ = preparation;
  const failure = failureOf(preparation.run(hanging));
  stop.abort(new RunError('Cancelled', 'stopped'));
  assert.is(await failure, 'stopped');
});

test('the message of an exceeded start deadline has the percentage', () => {
  const { reason, message } = startDeadlineExceeded(60, { message: 'Downloading ct', percent: 41 });
  assert.is(reason, 'StartDeadlineExceeded');
  assert.is(message, 'the run was still being prepared after 60 s: Downloading ct (41 %)');
});

test('a failure before the deadline is passed on unchanged', async () => {
  const { preparation } = aPreparation(60);
  using _ = preparation;
  assert.is(
    await failureOf(preparation.run(() => Promise.reject(new Error('no such image')))),
    'no such image',
  );
});

test.run();
