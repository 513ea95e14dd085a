import type { GirderClient } from '../../girder/client.ts';
import { RunError, toRunError } from '../../support/errors.ts';
import type { HookStep, InputPaths } from '../steps.ts';
import type { RunSupport } from '../run-support.ts';
import type { Streams } from '../streams/streams.ts';
import { uploadHook } from './upload-hook.ts';
import { uploadSpools } from '../streams/upload-spools.ts';

/** What there is to upload, and why the run has failed so far, if it has. */
export type StageOut = {
  readonly hooks: readonly HookStep[];
  readonly streams: Streams;
  readonly inputs: InputPaths;
  readonly failure: RunError | undefined;
};

/**
 * Uploads what the run's state calls for: the streams of a run that is a success so far, then the hooks in their
 * order. A hook that fails makes the run a failure from there on. Nothing begins once the run is cancelled.
 * @throws RunError the first failure, with those of the uploads after it
 */
export async function stageOut(
  client: GirderClient | undefined,
  { hooks, streams, inputs, failure }: StageOut,
  support: RunSupport,
): Promise<void> {
  const uploads = [
    { when: 'OnSuccess' as const, upload: (girder: GirderClient) => uploadSpools(girder, streams, support) },
    ...hooks.map((hook) => ({
      when: hook.when,
      upload: (girder: GirderClient) => uploadHook(girder, hook, { ...support, inputs }),
    })),
  ];
  let outcome = failure;
  if (client !== undefined) {
    // A cancel that was not seen yet must be, before the first byte.
    await support.job?.check();
    for (const { when, upload } of uploads) {
      support.signal.throwIfAborted();
      if (!isDue(when, outcome)) continue;
      support.report.phase = 'Uploading';
      outcome = together(outcome, await failureOf(upload(client), support.signal));
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
