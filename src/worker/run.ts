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
 * Does a whole run: check the engine → pull ‖ download → pipes → create, attach, start, pump, wait → upload → clean
 * up. Resolves when the run succeeded; rejects with why it did not. Every phase stops when the signal aborts, or the
 * run's job in Girder is cancelled, and then nothing is uploaded. Whatever happens, nothing of the run is left on the
 * node or in Girder.
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

/** The volumes that outlive the run and have to be without its files then. */
function lastingVolumes({ environment, volumes }: RunContext) {
  const { journalled } = journalledVolumes(environment.spec);
  return volumes.filter(({ name }) => journalled.includes(name));
}

/** A target that failed does not reject, since its run still has uploads; so the span gets the failure here. */
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
  // Nothing to move, nothing to ask for: such a run must not depend on Girder.
  if (girder?.credentialsSecretRef === undefined || uses.length === 0) return undefined;
  report.doing = 'Connecting to Girder';
  const credentials = await environment.girderCredentials();
  return openGirder({ apiUrl: girder.apiUrl, credentials, signal, log });
}

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
