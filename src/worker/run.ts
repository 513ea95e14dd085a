import { journalledVolumes } from '../api/spec-usage.ts';
import { cleanEngine } from '../docker/leftovers.ts';
import type { GirderClient } from '../girder/client.ts';
import type { FoundPlaces } from '../girder/lookup.ts';
import { traced } from '../support/trace/trace.ts';
import type { OpenedRun, RunContext, RunOptions } from './context.ts';
import { withGirderJob } from './girder-job.ts';
import { planRun, type Steps } from './plan.ts';
import { Preparation } from './preparation.ts';
import { runTarget, type TargetEnd } from './run-target.ts';
import { checkPlaces, connectGirder, prepare, type Prepared } from './stage/prepare.ts';
import { stageOut, firstOf } from './stage/stage-out.ts';
import { StagedFiles } from './stage/journal.ts';
import type { Streams } from './streams/streams.ts';
import { deadline, raceAbort, sleep, longestTimerMs } from '../support/abort.ts';
import { backoffMs } from '../support/backoff.ts';
import { describe, RunError } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import { specDefaults } from '../api/spec.ts';

/**
 * Performs one attempt of a run: check the engine → pull ‖ download → pipes → create, attach, start, pump,
 * wait → upload → clean up. Rejects with the reason of the failure. When the signal aborts or the run's job
 * in Girder is cancelled, every phase stops and nothing is uploaded. In any case, nothing of the run is left
 * on the node or half-uploaded in Girder.
 */
export async function runOnce(options: RunOptions): Promise<void> {
  await withGirderJob(options, async (girderJob, signal) => {
    const { environment, report } = options;
    const { dockerSocket, run, spec } = environment;
    using preparation = new Preparation({ ...options, signal });
    report.doing = 'Connecting to the Docker Engine';
    const engine = await preparation.run((bounded) =>
      cleanEngine({ dockerSocket, runUid: run.uid, signal: bounded, wait: preparation.engineWait }),
    );
    report.doing = 'Preparing the volumes';
    const { volumes, dockerVolumes, remove } = await preparation.run((bounded) =>
      environment.openVolumes(bounded),
    );
    try {
      const plan = (found: FoundPlaces) => planRun(spec, volumes, dockerVolumes, found);
      const journal = new StagedFiles();
      const opened = { ...options, girderJob, signal, preparation, engine, volumes, journal };
      await runPhases(opened, { journal, plan });
    } finally {
      await cleanUp(options, 'the temporary volumes', remove);
    }
  });
}

type Planning = { readonly journal: StagedFiles; readonly plan: (found: FoundPlaces) => Steps };

async function runPhases(opened: OpenedRun, { journal, plan }: Planning): Promise<void> {
  let girder: GirderClient | undefined;
  let streams: Streams | undefined;
  try {
    const begin = async (signal: AbortSignal) => {
      const bounded = { ...opened, signal };
      await journal.begin(bounded, lastingVolumes(bounded));
      girder = await connectGirder(bounded);
      const steps = plan(girder === undefined ? new Map() : await checkPlaces(bounded, girder));
      return { steps, prepared: await prepare({ ...bounded, steps }, girder) };
    };
    const { steps, prepared } = await traced('prepare', {}, () => opened.preparation.run(begin));
    const context = { ...opened, steps };
    if (girder !== undefined) girder.atRisk = 'results';
    const end = await tracedTarget(context, girder, prepared);
    streams = end.streams;
    const { paths: downloaded } = prepared;
    const results = { streams: streams.outputs, log: streams.log, downloaded, failure: end.failure };
    await withUploadDeadline(context, end.failure, (bounded) => stageOut(bounded, girder, results));
  } finally {
    await traced('clean up', {}, async () => {
      await cleanUp(opened, 'the streams', async () => streams?.close());
      await cleanUp(opened, 'all downloaded files', (signal) => journal.remove(opened, signal));
      await girder?.close();
    });
  }
}

/** The volumes that outlive the run, from which its files must be removed. */
function lastingVolumes({ environment, volumes }: OpenedRun) {
  const { journalled } = journalledVolumes(environment.spec);
  return volumes.filter(({ name }) => journalled.includes(name));
}

/** Sets the span's failure itself: a failed target does not reject, because its uploads are still to do. */
function tracedTarget(
  context: RunContext,
  girder: GirderClient | undefined,
  prepared: Prepared,
): Promise<TargetEnd> {
  const { image } = context.environment.spec;
  return traced('run target', { 'container.image.name': image }, async (span) => {
    const end = await runTarget(context, girder, prepared);
    if (end.failure !== undefined) span.fail(end.failure);
    return end;
  });
}

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
