import { journalledVolumes } from '../api/spec-usage.ts';
import type { Progress } from '../api/status.ts';
import { cleanEngine } from '../docker/leftovers.ts';
import type { GirderClient } from '../girder/client.ts';
import { openGirder } from '../girder/open-girder.ts';
import { longestTimerMs } from '../support/abort.ts';
import { RunError } from '../support/errors.ts';
import { traced } from '../support/trace/trace.ts';
import type { RunContext, RunOptions } from './context.ts';
import { withGirderJob } from './girder-job.ts';
import { planRun } from './plan.ts';
import { runTarget, type TargetEnd } from './run-target.ts';
import { prepare } from './stage/prepare.ts';
import type { StagedIn } from './stage/stage-in.ts';
import { stageOut } from './stage/stage-out.ts';
import { StagedFiles } from './stage/journal.ts';
import type { Streams } from './streams/streams.ts';

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
    report.doing = 'Connecting to the Docker Engine';
    const engine = await cleanEngine({ dockerSocket, runUid: run.uid, signal });
    report.doing = 'Preparing the volumes';
    const { volumes, remove } = await environment.openVolumes(signal);
    try {
      const steps = planRun(spec, volumes);
      const journal = new StagedFiles();
      await runPhases({ ...options, girderJob, signal, engine, volumes, steps, journal }, journal);
    } finally {
      await remove();
    }
  });
}

async function runPhases(context: RunContext, staged: StagedFiles): Promise<void> {
  let girder: GirderClient | undefined;
  let streams: Streams | undefined;
  try {
    const begin = async (bounded: RunContext) => {
      await staged.begin(bounded, lastingVolumes(bounded));
      girder = await connectGirder(bounded);
      return prepare(bounded, girder);
    };
    const stagedIn = await traced('prepare', {}, () => withStartDeadline(context, begin));
    const end = await tracedTarget(context, girder, stagedIn);
    streams = end.streams;
    const { paths: downloaded } = stagedIn;
    await stageOut(context, girder, { streams: streams.outputs, downloaded, failure: end.failure });
  } finally {
    await traced('clean up', {}, async () => {
      await streams?.close();
      await staged.remove(context);
      await girder?.close();
    });
  }
}

/** The volumes that outlive the run, from which its files must be removed. */
function lastingVolumes({ environment, volumes }: RunContext) {
  const { journalled } = journalledVolumes(environment.spec);
  return volumes.filter(({ name }) => journalled.includes(name));
}

/** Sets the span's failure itself: a failed target does not reject, because its uploads are still to do. */
function tracedTarget(
  context: RunContext,
  girder: GirderClient | undefined,
  stagedIn: StagedIn,
): Promise<TargetEnd> {
  const { image } = context.environment.spec;
  return traced('run target', { 'container.image.name': image }, async (span) => {
    const end = await runTarget(context, girder, stagedIn);
    if (end.failure !== undefined) span.fail(end.failure);
    return end;
  });
}

async function connectGirder(context: RunContext): Promise<GirderClient | undefined> {
  const { environment, report, signal, log } = context;
  const { downloads, streams, hooks } = context.steps;
  const { girder } = environment.spec;
  const toItems = streams.outputs.filter(({ to }) => to.kind === 'item');
  const uses = [...downloads, ...hooks, ...streams.inputs, ...toItems];
  // A run that transfers nothing must not depend on Girder.
  if (girder?.credentialsSecretRef === undefined || uses.length === 0) return undefined;
  report.doing = 'Connecting to Girder';
  const credentials = await environment.girderCredentials();
  return openGirder({ apiUrl: girder.apiUrl, credentials, signal, log });
}

/**
 * Bounds the preparation of a run by `startDeadlineSeconds`.
 * @throws RunError StartDeadlineExceeded, with what the worker was doing at that time
 */
export async function withStartDeadline<T>(
  context: RunContext,
  work: (bounded: RunContext) => Promise<T>,
): Promise<T> {
  const { signal, report } = context;
  const { spec } = context.environment;
  const exceeded = new AbortController();
  const milliseconds = Math.min(spec.startDeadlineSeconds * 1000, longestTimerMs);
  const timer = setTimeout(
    () => exceeded.abort(startDeadlineExceeded(spec.startDeadlineSeconds, report.snapshot().progress)),
    milliseconds,
  );
  try {
    return await work({ ...context, signal: AbortSignal.any([signal, exceeded.signal]) });
  } catch (thrown) {
    signal.throwIfAborted();
    exceeded.signal.throwIfAborted();
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
}

/** `progress` is the last one before the deadline. */
export function startDeadlineExceeded(seconds: number, progress: Progress | undefined): RunError {
  const percent = progress?.percent === undefined ? '' : ` (${progress.percent} %)`;
  const what = progress === undefined ? '' : `: ${progress.message}${percent}`;
  return new RunError('StartDeadlineExceeded', `the run was still being prepared after ${seconds} s${what}`);
}
