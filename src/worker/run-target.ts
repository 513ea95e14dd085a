import { imageWantsGpu } from '../docker/create/gpu-request.ts';
import { type ContainerOutcome, runContainer } from '../docker/run-container.ts';
import type { GirderClient } from '../girder/client.ts';
import { type RunError, toRunError } from '../support/errors.ts';
import type { RunContext } from './context.ts';
import { probeVolumes } from './probes.ts';
import type { StagedIn } from './stage/stage-in.ts';
import { Pipes, pipePlaces } from './streams/pipes.ts';
import { Streams } from './streams/streams.ts';
import { targetFailure, targetOptions, targetStatus } from './target.ts';

/** How it went: the streams are finished, but not closed yet; `failure` is why the run has failed, if it has. */
export type TargetEnd = { readonly streams: Streams; readonly failure: RunError | undefined };

/** Runs the target with all its streams to its end. Rejects only when it was cancelled, or never started. */
export async function runTarget(
  context: RunContext,
  girder: GirderClient | undefined,
  stagedIn: StagedIn,
): Promise<TargetEnd> {
  const { steps, report } = context;
  report.doing = 'Starting the target';
  const pipes = new Pipes();
  try {
    for (const place of pipePlaces(steps.streams)) await pipes.make(context, place);
    const streams = await Streams.open(context, pipes, { girder, files: stagedIn.files });
    return await runWithStreams(context, streams, stagedIn.paths);
  } finally {
    // Before the uploads, so that they find nothing of ours in the volumes.
    await pipes.remove();
  }
}

async function runWithStreams(
  context: RunContext,
  streams: Streams,
  downloaded: ReadonlyMap<string, string>,
): Promise<TargetEnd> {
  const { report, log, signal } = context;
  try {
    const outcome = await runWithProbes(context, streams, downloaded);
    report.target = targetStatus(outcome);
    if (!outcome.outputComplete) {
      log.warn('not every byte that the target wrote could be passed on');
      streams.outputWasCut();
    }
    signal.throwIfAborted();
    return { streams, failure: await failureOf(context, streams, outcome) };
  } catch (error) {
    await streams.close();
    throw error;
  }
}

async function runWithProbes(
  context: RunContext,
  streams: Streams,
  downloaded: ReadonlyMap<string, string>,
): Promise<ContainerOutcome> {
  const { environment, volumes, steps, report } = context;
  const { image, activeDeadlineSeconds, terminationGracePeriodSeconds } = environment.spec;
  const probed = await probeVolumes(steps.mounts, volumes);
  try {
    const options = await targetOptions(context, {
      mounts: probed.mounts,
      downloaded,
      imageAsksForGpus: await imageWantsGpu(context, image),
    });
    return await runContainer(context, options, {
      stdout: streams.stdout,
      stderr: streams.stderr,
      fail: streams.failed,
      stopGraceMs: terminationGracePeriodSeconds * 1000,
      drainIdleMs: streams.longestWaitMs,
      activeDeadlineMs: activeDeadlineSeconds === undefined ? undefined : activeDeadlineSeconds * 1000,
      beforeStart: async () => {
        await probed.remove();
        streams.begin();
      },
      onStarted: (started) => {
        report.phase = 'Running';
        report.target = started;
      },
    });
  } finally {
    await probed.remove();
  }
}

/** A stream that broke stopped the target, so it comes first; one that breaks at the end matters if all else went well. */
async function failureOf(
  { environment, signal }: RunContext,
  streams: Streams,
  outcome: ContainerOutcome,
): Promise<RunError | undefined> {
  const broken = await streams.finish(signal).then(
    () => undefined,
    (error: unknown) => toRunError(error),
  );
  signal.throwIfAborted();
  if (outcome.stopped === 'failed') return broken ?? toRunError(streams.failed.reason);
  return targetFailure(outcome, environment.spec) ?? broken;
}
