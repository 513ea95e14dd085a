import type { Engine } from '../docker/engine.ts';
import { imageWantsGpu } from '../docker/create/gpu-request.ts';
import { type ContainerOutcome, runContainer } from '../docker/run-container.ts';
import type { GirderClient } from '../girder/client.ts';
import { type RunError, toRunError } from '../support/errors.ts';
import { type Pipes, pipePlaces } from './streams/pipes.ts';
import { probeVolumes } from './probes.ts';
import type { ProgressLine } from './streams/progress-lines.ts';
import { openLog, type RunSupport } from './run-support.ts';
import type { RunEnvironment, SharedVolume } from './run-environment.ts';
import type { StagedIn } from './stage/stage-in.ts';
import type { StagedFiles } from './stage/staged-files.ts';
import type { Steps } from './steps.ts';
import { Streams } from './streams/streams.ts';
import { targetFailure, targetOptions, targetStatus } from './target.ts';

/** What the target is run with. */
export type TargetRun = {
  readonly engine: Engine;
  readonly girder: GirderClient | undefined;
  readonly volumes: readonly SharedVolume[];
  readonly steps: Steps;
  readonly stagedIn: StagedIn;
  readonly staged: StagedFiles;
  readonly pipes: Pipes;
  readonly support: RunSupport;
};

/** How it went: the streams are finished, but not closed yet; `failure` is why the run has failed, if it has. */
export type TargetEnd = { readonly streams: Streams; readonly failure: RunError | undefined };

/** Runs the target with all its streams to its end. Rejects only when it was cancelled, or never started. */
export async function runTarget(environment: RunEnvironment, run: TargetRun): Promise<TargetEnd> {
  const { steps, pipes, staged, support } = run;
  support.report.doing = 'Starting the target';
  for (const place of pipePlaces(steps.streams)) {
    await pipes.make(place, (volume, made) => staged.note(volume, made));
  }
  const streams = await openStreams(environment, run);
  try {
    const outcome = await runWithProbes(environment, run, streams);
    support.report.target = targetStatus(outcome);
    if (!outcome.outputComplete) {
      support.log.warn('not every byte that the target wrote could be passed on');
      streams.outputWasCut();
    }
    support.signal.throwIfAborted();
    return { streams, failure: await failureOf(environment, outcome, { streams, support }) };
  } catch (error) {
    await streams.close();
    throw error;
  }
}

function openStreams(environment: RunEnvironment, run: TargetRun): Promise<Streams> {
  const { support, girder, stagedIn, pipes, steps } = run;
  const { report, signal } = support;
  return Streams.open(steps.streams, pipes, {
    environment,
    girder,
    report,
    files: stagedIn.files,
    openLog: (stream) => openLog(support, stream),
    signal,
    onProgress: progressOf(support),
  });
}

function progressOf({ report, job }: RunSupport): (line: ProgressLine) => void {
  return (line) => {
    report.targetProgress(line);
    job?.progress(line);
  };
}

async function runWithProbes(
  environment: RunEnvironment,
  run: TargetRun,
  streams: Streams,
): Promise<ContainerOutcome> {
  const { engine, volumes, steps, stagedIn, support } = run;
  const probed = await probeVolumes(steps.mounts, volumes);
  try {
    const options = await targetOptions(environment, engine, {
      volumes,
      mounts: probed.mounts,
      downloaded: stagedIn.paths,
      imageAsksForGpus: await imageWantsGpu(engine, environment.spec.image, support.signal),
    });
    const { activeDeadlineSeconds, terminationGracePeriodSeconds } = environment.spec;
    return await runContainer(engine, options, {
      stdout: streams.stdout,
      stderr: streams.stderr,
      signal: support.signal,
      fail: streams.failed,
      stopGraceMs: terminationGracePeriodSeconds * 1000,
      drainIdleMs: streams.longestWaitMs,
      activeDeadlineMs: activeDeadlineSeconds === undefined ? undefined : activeDeadlineSeconds * 1000,
      beforeStart: async () => {
        await probed.remove();
        streams.begin();
      },
      onStarted: (started) => {
        support.report.phase = 'Running';
        support.report.target = started;
      },
      onWarning: (message) => support.log.warn(message),
    });
  } finally {
    await probed.remove();
  }
}

/** A stream that broke stopped the target, so it comes first; one that breaks at the end matters if all else went well. */
async function failureOf(
  { spec }: RunEnvironment,
  outcome: ContainerOutcome,
  { streams, support }: { streams: Streams; support: RunSupport },
): Promise<RunError | undefined> {
  const broken = await streams.finish(support.signal).then(
    () => undefined,
    (error: unknown) => toRunError(error),
  );
  support.signal.throwIfAborted();
  if (outcome.stopped === 'failed') return broken ?? toRunError(streams.failed.reason);
  return targetFailure(outcome, spec) ?? broken;
}
