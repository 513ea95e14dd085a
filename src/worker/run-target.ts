import { randomUUID } from 'node:crypto';
import { open, unlink } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { BindMount } from '../docker/create/container-spec.ts';
import { imageWantsGpu } from '../docker/create/gpu-request.ts';
import { type ContainerOutcome, runContainer } from '../docker/run-container.ts';
import type { GirderClient } from '../girder/client.ts';
import { ConfinedPathError, kindOf, openDirectory, openPlace, splitLast } from '../io/confined.ts';
import { ownNamePrefix } from '../io/confined-change.ts';
import { RunError, toRunError } from '../support/errors.ts';
import type { RunContext } from './context.ts';
import { ownMountsOf } from './plan.ts';
import type { Prepared } from './stage/prepare.ts';
import { pipePlaces, Pipes } from './streams/pipes.ts';
import { Streams } from './streams/streams.ts';
import { readSecretTexts, withoutSecretTexts } from './secret-texts.ts';
import { targetFailure, targetOptions, targetStatus } from './target-options.ts';

/** The streams are finished but not closed; `failure` is why the run has failed, if it has. */
export type TargetEnd = { readonly streams: Streams; readonly failure: RunError | undefined };

/** What concerns the targets before and after this one, when a run has several. */
export type TargetOrder = {
  /** Resolves when the target may start; the container is created before. At once when absent. */
  readonly turn?: Promise<void> | undefined;
  /** Whether a target before has shown that the engine sees the volumes of the run. */
  readonly isProven: boolean;
  /** Called when the target has ended, before its container is removed. */
  readonly onEnded: () => void;
};

/** Whether the image asks for GPUs is looked up unless it is known from a target before. */
type PreparedTarget = Prepared & { readonly imageAsksForGpus?: boolean };

/** Runs the target with all its streams. Rejects only if the run is cancelled or the target cannot start. */
export async function runTarget(
  context: RunContext,
  girder: GirderClient | undefined,
  prepared: PreparedTarget,
  order?: TargetOrder,
): Promise<TargetEnd> {
  const { steps, report } = context;
  report.doing = 'Starting the target';
  const pipes = new Pipes();
  try {
    for (const place of pipePlaces(steps.streams)) await pipes.make(context, place);
    const streams = await Streams.open(context, pipes, { girder, files: prepared.files });
    return await runWithStreams(context, streams, { ...prepared, order });
  } finally {
    // Before the uploads, so that no pipe of ours is in a volume that is uploaded.
    await pipes.remove();
  }
}

type Ordered = PreparedTarget & { readonly order: TargetOrder | undefined };

async function runWithStreams(context: RunContext, streams: Streams, prepared: Ordered): Promise<TargetEnd> {
  const { report, log, signal } = context;
  try {
    const outcome = await runWithProbes(context, streams, prepared);
    report.target = targetStatus(outcome);
    if (!outcome.outputComplete) {
      log.warn('some output of the target was lost');
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
  prepared: Ordered,
): Promise<ContainerOutcome> {
  const { environment, steps, report, preparation } = context;
  const { activeDeadlineSeconds, terminationGracePeriodSeconds } = environment.spec;
  const { imageId, paths: downloaded, order } = prepared;
  const { turn } = order ?? {};
  const asksForGpus = (bounded: AbortSignal) =>
    preparation.engineWait.until(() => imageWantsGpu({ ...context, signal: bounded }, imageId));
  const own = await mountInputs(context, downloaded);
  const secretTexts = await readSecretTexts(environment);
  const probed = await probeVolumes(context, order?.isProven === true ? [] : steps.mounts);
  const mounts = order?.isProven === true ? steps.mounts : probed.mounts;
  try {
    const options = await targetOptions(context, {
      mounts: [...mounts, ...own],
      downloaded,
      imageId,
      secretTexts,
      imageAsksForGpus: prepared.imageAsksForGpus ?? (await preparation.run(asksForGpus)),
    });
    return await runContainer(context, options, {
      stdout: streams.stdout,
      stderr: streams.stderr,
      both: streams.log?.writable,
      filter: streams.filter,
      fail: AbortSignal.any([streams.failed, preparation.exceeded]),
      wait: preparation.engineWait,
      stopGraceMs: terminationGracePeriodSeconds * 1000,
      drainIdleMs: streams.longestWaitMs,
      activeDeadlineMs: activeDeadlineSeconds === undefined ? undefined : activeDeadlineSeconds * 1000,
      beforeStart: async () => {
        await probed.remove();
        streams.begin();
      },
      awaitTurn: turn && (() => preparation.pauseUntil(turn)),
      onEnded: order?.onEnded,
      onStarted: (started) => {
        preparation.end();
        report.phase = 'Running';
        report.target = started;
      },
    });
  } catch (error) {
    throw withoutSecretTexts(error, secretTexts);
  } finally {
    await probed.remove();
  }
}

/** A stream failure that stopped the target comes first; one at the end counts only after a success. */
async function failureOf(
  { environment, signal, preparation }: RunContext,
  streams: Streams,
  outcome: ContainerOutcome,
): Promise<RunError | undefined> {
  const broken = await streams.finish(signal).then(
    () => undefined,
    (error: unknown) => toRunError(error),
  );
  signal.throwIfAborted();
  if (outcome.stopped === 'failed') {
    // The start deadline may pass while the engine confirms the start.
    preparation.exceeded.throwIfAborted();
    return broken ?? toRunError(streams.failed.reason);
  }
  return targetFailure(outcome, environment.spec, await environment.memoryForTarget()) ?? broken;
}

/**
 * The mounts of inputs with a path of their own. Before the target starts, only the worker writes to a temporary
 * volume, so what has no link now has none when the engine resolves the path.
 * @throws RunError InvalidSpec for a volumePath that does not exist yet
 */
async function mountInputs(
  { environment, volumes }: RunContext,
  downloaded: ReadonlyMap<string, string>,
): Promise<BindMount[]> {
  const mounts: BindMount[] = [];
  for (const { name, volume, path, containerPath } of ownMountsOf(environment.spec, volumes, downloaded)) {
    const field = `spec.transforms: ${name}`;
    await checkPlace(volume.localPath, path).catch((error: unknown) => {
      if (!(error instanceof ConfinedPathError)) throw error;
      const text = `${field}: it cannot be mounted at ${containerPath}: ${error.message} before the target starts; for what the target writes, use a temporary volume with a containerPath`;
      throw new RunError('InvalidSpec', text, { cause: error });
    });
    const { hostPath, configuredBy } = volume;
    const place = { source: posix.join(hostPath, path), target: containerPath };
    mounts.push({ type: 'bind', ...place, readOnly: false, isRecursive: false, configuredBy });
  }
  return mounts;
}

/** @throws ConfinedPathError for what does not exist, or is neither a file nor a directory, without links */
async function checkPlace(root: string, path: string): Promise<void> {
  const { parents, name } = splitLast(path);
  await using directory = await openDirectory(root, parents);
  await using place = await openPlace(directory, name, path);
  const stats = await place.stat();
  if (stats.isFile() || stats.isDirectory()) return;
  throw new ConfinedPathError('unsafe', `${path} is ${kindOf(stats)}`);
}

/** Mounts with the file that the engine must find in each; `remove` deletes these files. */
type Probed = { mounts: BindMount[]; remove: () => Promise<void> };

/**
 * Puts a file into every volume whose path on the node was derived and not configured by the user. If the
 * engine does not see the file, the target would silently get another directory than the worker.
 */
async function probeVolumes({ volumes, journal }: RunContext, mounts: readonly BindMount[]): Promise<Probed> {
  const files: string[] = [];
  const probing = mounts.map(async (mount): Promise<BindMount> => {
    const volume = volumes.find(({ containerPath }) => containerPath === mount.target);
    if (volume === undefined || !(volume.temporary || volume.isInferred === true)) return mount;
    const file = `${ownNamePrefix}probe-${randomUUID()}`;
    const path = join(volume.localPath, file);
    journal.note(volume, { path: file });
    files.push(path);
    await (await open(path, 'wx', 0o600)).close();
    return { ...mount, probe: { file } };
  });
  // When one fails, the others must not create their files after the journal was swept.
  await Promise.allSettled(probing);
  const probed = await Promise.all(probing);
  const remove = async () => {
    await Promise.all(files.splice(0).map((path) => unlink(path).catch(() => undefined)));
  };
  return { mounts: probed, remove };
}
