import { journalledVolumes } from '../api/lasting-volumes.ts';
import type { GirderClient } from '../girder/client.ts';
import { openGirder } from '../girder/open-girder.ts';
import { traced } from '../support/trace/trace.ts';
import { cleanEngine } from './clean-engine.ts';
import type { RunContext, RunOptions } from './context.ts';
import { withGirderJob } from './girder-job.ts';
import { runTarget, type TargetEnd } from './run-target.ts';
import { prepare } from './stage/prepare.ts';
import type { StagedIn } from './stage/stage-in.ts';
import { stageOut } from './stage/stage-out.ts';
import { StagedFiles } from './stage/staged-files.ts';
import { withStartDeadline } from './start-deadline.ts';
import { planRun } from './steps.ts';
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
