import { specDefaults } from '../api/spec.ts';
import { longestTimerMs } from '../support/abort.ts';
import { RunError } from '../support/errors.ts';
import type { RunContext } from './context.ts';
import { firstOf } from './stage/stage-out.ts';

/**
 * Bounds the uploads of a run by `uploadDeadlineSeconds`: a Girder that is slow for ever holds the node, its
 * GPUs and the quota of the namespace no longer than that. If the target failed, its failure comes first.
 * @throws RunError UploadDeadlineExceeded, with what the worker was doing at that time
 */
export async function withUploadDeadline(
  context: RunContext,
  failure: RunError | undefined,
  work: (bounded: RunContext) => Promise<void>,
): Promise<void> {
  const { signal, environment } = context;
  const { uploadDeadlineSeconds: seconds = specDefaults.uploadDeadlineSeconds } = environment.spec;
  const over = new AbortController();
  const end = () => over.abort(firstOf(failure, exceeded(context, seconds)));
  const timer = setTimeout(end, Math.min(seconds * 1000, longestTimerMs));
  try {
    await work({ ...context, signal: AbortSignal.any([signal, over.signal]) });
  } catch (thrown) {
    signal.throwIfAborted();
    over.signal.throwIfAborted();
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
}

function exceeded({ report }: RunContext, seconds: number): RunError {
  const { progress } = report.snapshot();
  const percent = progress?.percent === undefined ? '' : ` (${progress.percent} %)`;
  const what = progress === undefined ? '' : `: ${progress.message}${percent}`;
  const text = `the results were still being uploaded after ${seconds} s${what}`;
  return new RunError('UploadDeadlineExceeded', text);
}
