import { lastingVolumesOf } from '../api/lasting-volumes.ts';
import type { Engine } from '../docker/engine.ts';
import type { GirderClient } from '../girder/client.ts';
import { openGirder } from '../girder/open-girder.ts';
import { traced } from '../support/trace/trace.ts';
import { cleanEngine } from './clean-engine.ts';
import { inputPathsOf } from './stage/input-paths.ts';
import { Pipes } from './streams/pipes.ts';
import { prepare } from './stage/prepare.ts';
import { underJob } from './run-job.ts';
import type { RunSupport } from './run-support.ts';
import { runTarget, type TargetEnd, type TargetRun } from './run-target.ts';
import type { Setting, SharedVolume } from './setting.ts';
import { stageOut } from './stage/stage-out.ts';
import { StagedFiles } from './stage/staged-files.ts';
import { withStartDeadline } from './start-deadline.ts';
import { type Steps, stepsOf } from './stage/steps.ts';
import type { Streams } from './streams/streams.ts';

/**
 * Does a whole run: check the engine → pull ‖ download → pipes → create, attach, start, pump, wait → upload → clean
 * up. Resolves when the run succeeded; rejects with why it did not. Every phase stops when the signal aborts, or the
 * run's job in Girder is cancelled, and then nothing is uploaded. Whatever happens, nothing of the run is left on the
 * node or in Girder.
 */
export async function runOnce(setting: Setting, support: RunSupport): Promise<void> {
  await underJob(setting, support, async (underway) => {
    const { signal, report } = underway;
    const { dockerSocket, run } = setting;
    report.doing = 'Connecting to the Docker Engine';
    const engine = await cleanEngine({ dockerSocket, runUid: run.uid, signal });
    report.doing = 'Preparing the volumes';
    const { volumes, remove } = await setting.openVolumes(signal);
    try {
      await runPhases(setting, { engine, volumes }, underway);
    } finally {
      await remove();
    }
  });
}

async function runPhases(
  setting: Setting,
  { engine, volumes }: { engine: Engine; volumes: readonly SharedVolume[] },
  support: RunSupport,
): Promise<void> {
  const steps = stepsOf(setting.spec, volumes);
  const { journalled } = lastingVolumesOf(setting.spec);
  const lasting = volumes.filter(({ name }) => journalled.includes(name));
  const staged = new StagedFiles();
  const pipes = new Pipes();
  let girder: GirderClient | undefined;
  let streams: Streams | undefined;
  try {
    const begin = async (signal: AbortSignal) => {
      await staged.begin(setting.run.uid, lasting, { log: support.log, signal });
      girder = await connectGirder(setting, steps, { ...support, signal });
      const { report, log } = support;
      return prepare(setting, { engine, girder, steps, staged, report, log, signal });
    };
    const stagedIn = await traced('prepare', {}, () => withStartDeadline(setting, support, begin));
    const run = { engine, girder, volumes, steps, stagedIn, staged, pipes, support };
    const end = await tracedTarget(setting, run);
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
function tracedTarget(setting: Setting, run: TargetRun): Promise<TargetEnd> {
  return traced('run target', { 'container.image.name': setting.spec.image }, async (span) => {
    const end = await runTarget(setting, run);
    if (end.failure !== undefined) span.fail(end.failure);
    return end;
  });
}

async function connectGirder(
  setting: Setting,
  { downloads, streams, hooks }: Steps,
  { report, signal, log }: RunSupport,
): Promise<GirderClient | undefined> {
  const { girder } = setting.spec;
  const toItems = streams.outputs.filter(({ to }) => to.kind === 'item');
  const uses = [...downloads, ...hooks, ...streams.inputs, ...toItems];
  // Nothing to move, nothing to ask for: such a run must not depend on Girder.
  if (girder?.credentialsSecretRef === undefined || uses.length === 0) return undefined;
  report.doing = 'Connecting to Girder';
  const credentials = await setting.girderCredentials();
  return openGirder({ apiUrl: girder.apiUrl, credentials, signal, log });
}
