import { lastingVolumesOf } from '../api/lasting-volumes.ts';
import type { Engine } from '../docker/engine.ts';
import type { GirderClient } from '../girder/client.ts';
import { openGirder } from '../girder/open-girder.ts';
import { traced } from '../support/trace/trace.ts';
import { cleanEngine } from './clean-engine.ts';
import { Pipes } from './streams/pipes.ts';
import { prepare } from './stage/prepare.ts';
import { underJob } from './run-job.ts';
import type { RunSupport } from './run-support.ts';
import { runTarget, type TargetEnd, type TargetRun } from './run-target.ts';
import type { RunEnvironment, SharedVolume } from './run-environment.ts';
import { stageOut } from './stage/stage-out.ts';
import { StagedFiles } from './stage/staged-files.ts';
import { withStartDeadline } from './start-deadline.ts';
import { inputPathsOf, planSteps, type Steps } from './steps.ts';
import type { Streams } from './streams/streams.ts';

/**
 * Does a whole run: check the engine → pull ‖ download → pipes → create, attach, start, pump, wait → upload → clean
 * up. Resolves when the run succeeded; rejects with why it did not. Every phase stops when the signal aborts, or the
 * run's job in Girder is cancelled, and then nothing is uploaded. Whatever happens, nothing of the run is left on the
 * node or in Girder.
 */
export async function runOnce(environment: RunEnvironment, support: RunSupport): Promise<void> {
  await underJob(environment, support, async (underway) => {
    const { signal, report } = underway;
    const { dockerSocket, run } = environment;
    report.doing = 'Connecting to the Docker Engine';
    const engine = await cleanEngine({ dockerSocket, runUid: run.uid, signal });
    report.doing = 'Preparing the volumes';
    const { volumes, remove } = await environment.openVolumes(signal);
    try {
      await runPhases(environment, { engine, volumes }, underway);
    } finally {
      await remove();
    }
  });
}

async function runPhases(
  environment: RunEnvironment,
  { engine, volumes }: { engine: Engine; volumes: readonly SharedVolume[] },
  support: RunSupport,
): Promise<void> {
  const steps = planSteps(environment.spec, volumes);
  const { journalled } = lastingVolumesOf(environment.spec);
  const lasting = volumes.filter(({ name }) => journalled.includes(name));
  const staged = new StagedFiles();
  const pipes = new Pipes();
  let girder: GirderClient | undefined;
  let streams: Streams | undefined;
  try {
    const begin = async (signal: AbortSignal) => {
      await staged.begin(environment.run.uid, lasting, { log: support.log, signal });
      girder = await connectGirder(environment, steps, { ...support, signal });
      const { report, log } = support;
      return prepare(environment, { engine, girder, steps, staged, report, log, signal });
    };
    const stagedIn = await traced('prepare', {}, () => withStartDeadline(environment, support, begin));
    const run = { engine, girder, volumes, steps, stagedIn, staged, pipes, support };
    const end = await tracedTarget(environment, run);
    streams = end.streams;
    // Before the uploads, so that they find nothing of ours in the volumes.
    await pipes.remove();
    const inputs = inputPathsOf(steps.downloads, stagedIn.paths);
    await stageOut(girder, { hooks: steps.hooks, streams, inputs, failure: end.failure }, support);
  } finally {
    await traced('clean up', {}, async () => {
      await streams?.close();
      await pipes.remove();
      await staged.remove(support.log);
      await girder?.close();
    });
  }
}

/** A run whose target failed goes on to its uploads, so the failure does not reach the span by itself. */
function tracedTarget(environment: RunEnvironment, run: TargetRun): Promise<TargetEnd> {
  return traced('run target', { 'container.image.name': environment.spec.image }, async (span) => {
    const end = await runTarget(environment, run);
    if (end.failure !== undefined) span.fail(end.failure);
    return end;
  });
}

async function connectGirder(
  environment: RunEnvironment,
  { downloads, streams, hooks }: Steps,
  { report, signal, log }: RunSupport,
): Promise<GirderClient | undefined> {
  const { girder } = environment.spec;
  const toItems = streams.outputs.filter(({ to }) => to.kind === 'item');
  const uses = [...downloads, ...hooks, ...streams.inputs, ...toItems];
  // Nothing to move, nothing to ask for: such a run must not depend on Girder.
  if (girder?.credentialsSecretRef === undefined || uses.length === 0) return undefined;
  report.doing = 'Connecting to Girder';
  const credentials = await environment.girderCredentials();
  return openGirder({ apiUrl: girder.apiUrl, credentials, signal, log });
}
