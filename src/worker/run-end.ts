import { specDefaults } from '../api/spec.ts';
import { deadline, longestTimerMs, raceAbort, sleep } from '../support/abort.ts';
import { backoffMs } from '../support/backoff.ts';
import { describe, RunError } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import type { RunContext } from './context.ts';
import { firstOf } from './stage/stage-out.ts';

/** In milliseconds, for one part of the clean-up: others may write to a volume faster than it is emptied. */
const cleanUpMs = 300_000;

/** How often a part of the clean-up is tried, and the waits between: a disk may report an error once. */
const tries = 3;
const retryMs = { firstMs: 500, maxMs: 2_000 } as const;

/**
 * One part of the clean-up at the end of a run, which has its outcome by now. A file that cannot be removed,
 * or a neighbour that keeps making files in a shared directory, must neither change the outcome nor delay it
 * for ever: what remains is logged. `what` completes "cannot remove …"; `work` may be called again.
 */
export async function cleanUp(
  { log, milliseconds = cleanUpMs }: { readonly log: Logger; readonly milliseconds?: number },
  what: string,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const signal = deadline(milliseconds);
  for (let failures = 1; ; failures += 1) {
    try {
      await raceAbort(work(signal), signal);
      return;
    } catch (error) {
      if (failures < tries && !signal.aborted) {
        await sleep(backoffMs(failures - 1, retryMs), signal).catch(() => undefined);
        continue;
      }
      log.warn({ error: describe(error) }, `cannot remove ${what} of the run from the node`);
      return;
    }
  }
}

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
