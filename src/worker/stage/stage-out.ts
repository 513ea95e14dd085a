import type { GirderClient } from '../../girder/client.ts';
import { RunError, toRunError } from '../../support/errors.ts';
import type { RunContext } from '../context.ts';
import { type HookStep, inputPathsOf } from '../steps.ts';
import { uploadHook } from './upload-hook.ts';
import { type SpooledStream, uploadSpools } from './upload-spools.ts';

/** What the target left; `failure` is why the run has failed so far, if it has. */
export type TargetResults = {
  readonly streams: readonly SpooledStream[];
  /** The paths in volumes that were downloaded, by transform. */
  readonly downloaded: ReadonlyMap<string, string>;
  readonly failure: RunError | undefined;
};

/**
 * Uploads what the run's state calls for: the streams of a run that is a success so far, then the hooks in their
 * order. A hook that fails makes the run a failure from there on. Nothing begins once the run is cancelled.
 * @throws RunError the first failure, with those of the uploads after it
 */
export async function stageOut(
  context: RunContext,
  client: GirderClient | undefined,
  { streams, downloaded, failure }: TargetResults,
): Promise<void> {
  const { steps, report, signal, girderJob } = context;
  const inputs = inputPathsOf(steps.downloads, downloaded);
  const uploads = [
    { when: 'OnSuccess' as const, upload: (girder: GirderClient) => uploadSpools(context, girder, streams) },
    ...steps.hooks.map((hook) => ({
      when: hook.when,
      upload: (girder: GirderClient) => uploadHook(context, girder, hook, inputs),
    })),
  ];
  let outcome = failure;
  if (client !== undefined) {
    // A cancel that was not seen yet must be, before the first byte.
    await girderJob?.check();
    for (const { when, upload } of uploads) {
      signal.throwIfAborted();
      if (!isDue(when, outcome)) continue;
      report.phase = 'Uploading';
      outcome = together(outcome, await failureOf(upload(client), signal));
    }
  }
  if (outcome !== undefined) throw outcome;
}

function isDue(when: HookStep['when'], failure: RunError | undefined): boolean {
  return when === 'Always' || (when === 'OnSuccess') === (failure === undefined);
}

async function failureOf(work: Promise<void>, signal: AbortSignal): Promise<RunError | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return toRunError(error);
  }
}

/** The first failure decides; a later one is said with it. */
function together(first: RunError | undefined, next: RunError | undefined): RunError | undefined {
  if (first === undefined || next === undefined) return first ?? next;
  return new RunError(first.reason, `${first.message}; besides, ${next.message}`, { cause: first });
}
