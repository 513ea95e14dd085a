import type { Progress } from '../api/status.ts';
import { longestTimerMs } from '../support/abort.ts';
import { RunError } from '../support/errors.ts';
import type { RunContext } from './context.ts';

/** Runs the work of preparing under its own clock; when that is what ended it, says so, and what it was waiting for. */
export async function withStartDeadline<T>(
  context: RunContext,
  work: (bounded: RunContext) => Promise<T>,
): Promise<T> {
  const { signal, report } = context;
  const { spec } = context.environment;
  const late = new AbortController();
  const milliseconds = Math.min(spec.startDeadlineSeconds * 1000, longestTimerMs);
  const timer = setTimeout(
    () => late.abort(tooLate(spec.startDeadlineSeconds, report.snapshot().progress)),
    milliseconds,
  );
  try {
    return await work({ ...context, signal: AbortSignal.any([signal, late.signal]) });
  } catch (thrown) {
    signal.throwIfAborted();
    late.signal.throwIfAborted();
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
}

/** Why a run is not started any more that has been prepared for so long; `doing` is what it was at. */
export function tooLate(seconds: number, doing: Progress | undefined): RunError {
  const percent = doing?.percent === undefined ? '' : ` (${doing.percent} %)`;
  const what = doing === undefined ? '' : `: ${doing.message}${percent}`;
  return new RunError('StartDeadlineExceeded', `the run was still being prepared after ${seconds} s${what}`);
}
