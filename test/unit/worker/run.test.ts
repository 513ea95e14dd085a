import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { RunContext } from '../../../src/worker/context.ts';
import { startDeadlineExceeded, withStartDeadline } from '../../../src/worker/run.ts';
import { aSpec } from '../../fixtures/builders.ts';
import { aContext, anEnvironment } from '../../fixtures/builders-worker.ts';

const context = aContext({ environment: anEnvironment(aSpec({ startDeadlineSeconds: 0.01 })) });

/** Never resolves; rejects when the signal aborts. */
const hanging = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')));
  });

test('a run that exceeds its start deadline reports what it was waiting for', async () => {
  const work = async ({ report, signal }: RunContext) => {
    using _ = report.beginPull('busybox:1.36');
    return await hanging(signal);
  };
  const error = await withStartDeadline(context, work).catch((thrown: unknown) => thrown);
  assert.is((error as Error).message, 'the run was still being prepared after 0.01 s: Pulling busybox:1.36');
});

test('the message of an exceeded start deadline has the percentage', () => {
  const { reason, message } = startDeadlineExceeded(60, { message: 'Downloading ct', percent: 41 });
  assert.is(reason, 'StartDeadlineExceeded');
  assert.is(message, 'the run was still being prepared after 60 s: Downloading ct (41 %)');
});

test('a failure before the deadline is passed on unchanged', async () => {
  const work = () => Promise.reject(new Error('no such image'));
  const error = await withStartDeadline(context, work).catch((thrown: unknown) => thrown);
  assert.is((error as Error).message, 'no such image');
});

test.run();
