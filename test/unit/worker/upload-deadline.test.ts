import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RunError } from '../../../src/support/errors.ts';
import type { RunContext } from '../../../src/worker/context.ts';
import { withUploadDeadline } from '../../../src/worker/run-end.ts';
import { aSpec } from '../../fixtures/builders.ts';
import { aContext, anEnvironment } from '../../fixtures/builders-worker.ts';

const context = aContext({ environment: anEnvironment(aSpec({ uploadDeadlineSeconds: 0.01 })) });

/** Never resolves; rejects when the signal aborts. */
const hanging = ({ signal }: RunContext) =>
  new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')));
  });

async function failureOf(failure: RunError | undefined, work: (bounded: RunContext) => Promise<void>) {
  const error: unknown = await withUploadDeadline(context, failure, work).catch((thrown: unknown) => thrown);
  return error instanceof RunError ? [error.reason, error.message] : String(error);
}

test('uploads that exceed their deadline end the run', async () => {
  const [reason, message] = await failureOf(undefined, hanging);
  assert.is(reason, 'UploadDeadlineExceeded');
  assert.match(String(message), /^the results were still being uploaded after 0\.01 s: /);
});

test('a target that failed is the reason of the run, even if its uploads then take too long', async () => {
  const failure = new RunError('TargetFailed', 'the target exited with code 3');
  const [reason, message] = await failureOf(failure, hanging);
  assert.is(reason, 'TargetFailed');
  assert.match(String(message), /code 3; also, the results were still being uploaded/);
});

test('a failed upload is passed on unchanged', async () => {
  assert.is(await failureOf(undefined, () => Promise.reject(new Error('refused'))), 'Error: refused');
});

test.run();
