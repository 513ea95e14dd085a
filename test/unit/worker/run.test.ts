import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { RunContext } from '../../../src/worker/context.ts';
import { tooLate, withStartDeadline } from '../../../src/worker/run.ts';
import { aSpec } from '../../fixtures/builders.ts';
import { aContext, anEnvironment } from '../../fixtures/builders-worker.ts';

const context = aContext({ environment: anEnvironment(aSpec({ startDeadlineSeconds: 0.01 })) });

/** Work that ends only with its signal. */
const hanging = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')));
  });

test('a run that is too late says what it was waiting for, as it was before everything was stopped', async () => {
  const work = async ({ report, signal }: RunContext) => {
    using _ = report.beginPull('busybox:1.36');
    return await hanging(signal);
  };
  const error = await withStartDeadline(context, work).catch((thrown: unknown) => thrown);
  assert.is((error as Error).message, 'the run was still being prepared after 0.01 s: Pulling busybox:1.36');
});

test('how far it came is said as well', () => {
  const { reason, message } = tooLate(60, { message: 'Downloading ct', percent: 41 });
  assert.is(reason, 'StartDeadlineExceeded');
  assert.is(message, 'the run was still being prepared after 60 s: Downloading ct (41 %)');
});

test('a failure before the deadline is what it is', async () => {
  const work = () => Promise.reject(new Error('no such image'));
  const error = await withStartDeadline(context, work).catch((thrown: unknown) => thrown);
  assert.is((error as Error).message, 'no such image');
});

test.run();
