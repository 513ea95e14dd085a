import { RunError } from '../support/errors.ts';
import type { Setting } from './setting.ts';

/** Timers of Node hold no more milliseconds than this. */
const longestTimerMs = 2 ** 31 - 1;

/** Runs the work of preparing under its own clock; when that is what ended it, says so. */
export async function withStartDeadline<T>(
  { spec }: Setting,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const error = new RunError(
    'StartDeadlineExceeded',
    `the image was not pulled and the inputs were not downloaded within ${spec.startDeadlineSeconds} s`,
  );
  const milliseconds = Math.min(spec.startDeadlineSeconds * 1000, longestTimerMs);
  const timer = setTimeout(() => late.abort(error), milliseconds);
  try {
    return await work(AbortSignal.any([signal, late.signal]));
  } catch (thrown) {
    signal.throwIfAborted();
    late.signal.throwIfAborted();
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
}
