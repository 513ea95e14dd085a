import { raceAbort } from '../support/abort.ts';
import { RunError, describe, toRunError } from '../support/errors.ts';
import { traced } from '../support/trace/trace.ts';
import { inspectState } from './container-state.ts';
import { isConnectFailure, statusOf, toStartError, unavailable } from './engine-error.ts';
import { type EngineWait, isEngineFault } from './engine-wait.ts';
import type { ContainerOptions } from './create/container-spec.ts';
import {
  cancelledBeforeStart,
  createContainer,
  gpuVariants,
  isGpuUnavailable,
  settledDespiteAbort,
} from './create/create-container.ts';
import { ExitWatch } from './exit-watch.ts';
import type { Engine, EngineContext } from './engine.ts';
import { engineCall } from './engine-call.ts';
import {
  type ContainerOutcome,
  type FollowOptions,
  followTarget,
  stopSignal,
  type WatchedContainer,
} from './follow-target.ts';
import { checkMounts, checkVolumes, provideVolumes } from './create/mount-probe.ts';
import { OomKills } from './follow-target.ts';
import type { OutputSinks } from './output/output-pump.ts';
import { removeContainer, stopContainer } from './remove-container.ts';
import { TargetOutput } from './output/target-output.ts';
import { StaleContainer, waitForTurn } from './waiting-container.ts';

export type { ContainerOutcome, FollowOptions } from './follow-target.ts';

const startMs = 120_000;

/**
 * Creates, attaches, starts, follows and removes one container. Returns or throws only when the container is
 * gone (or stopped, if it is kept), or when the bound for that is over; the error then reports it.
 * @throws RunError Cancelled (before the start), ContainerCreateFailed, ContainerStartFailed, ContainerLost,
 *   HostPathNotVisible, NamedVolumeNotFound, NamedVolumeNotAllowed, ImageNotFound or EngineUnavailable, or what `beforeStart` or `fail` fails with
 */
export async function runContainer(
  context: EngineContext,
  options: ContainerOptions,
  following: FollowOptions,
): Promise<ContainerOutcome> {
  const { signal, log } = context;
  const { fail } = following;
  const once = onlyOnce(following);
  const [first, ...others] = gpuVariants(options);
  try {
    let running = runWhenPossible(context, first.options, once);
    for (const next of others) {
      running = running.catch(async (error: unknown) => {
        if (!isGpuUnavailable(error)) throw error;
        log?.warn(`${next.difference}: ${describe(error)}`);
        return runWhenPossible(context, next.options, once);
      });
    }
    return await running;
  } catch (error) {
    const isOurs = error instanceof RunError && error.reason === 'Cancelled';
    throw isOurs && fail?.aborted === true && !signal.aborted ? toRunError(fail.reason) : error;
  }
}

/** What every container of one call shares. */
type Following = FollowOptions & { readonly isPrepared: () => boolean };

/** The preparation for one container also serves the one that replaces it. */
function onlyOnce(following: FollowOptions): Following {
  let isDone = false;
  const beforeStart = async (id: string) => {
    if (isDone) return;
    isDone = true;
    await following.beforeStart?.(id);
  };
  return { ...following, beforeStart, isPrepared: () => isDone };
}

/** Whether the target of one container may have run; only while it cannot have, another one may replace it. */
type Life = { mayHaveStarted: boolean };

/** How often a name may be taken by a container that the engine created although we had given up waiting. */
const lateCreations = 3;

/** Runs a container, and creates another one if the engine fails before the first can have started. */
async function runWhenPossible(
  context: EngineContext,
  options: ContainerOptions,
  following: Following,
): Promise<ContainerOutcome> {
  const { wait } = following;
  const cancel = stopSignal(context, following);
  for (let failures = 0; ; failures += 1) {
    const life: Life = { mayHaveStarted: false };
    try {
      return await runOne(context, options, { following, life });
    } catch (error) {
      if (error instanceof StaleContainer) {
        failures = -1;
        continue;
      }
      const isLate = failures > 0 && failures <= lateCreations && isNameTaken(error);
      if (wait === undefined || life.mayHaveStarted || cancel.aborted) throw error;
      if (!isLate && !isEngineFault(error)) throw error;
      await wait.untilAnswers(toRunError(error), failures).catch((over: unknown) => {
        throw cancel.aborted ? cancelledBeforeStart() : over;
      });
      await wait.until(() => removeContainer(context.engine, options.name, cancel));
    }
  }
}

function isNameTaken(error: unknown): boolean {
  return (
    error instanceof RunError && error.reason === 'ContainerCreateFailed' && statusOf(error.cause) === 409
  );
}

async function runOne(
  context: EngineContext,
  options: ContainerOptions,
  { following, life }: { following: Following; life: Life },
): Promise<ContainerOutcome> {
  const { engine } = context;
  const cancel = stopSignal(context, following);
  const stoppable: EngineContext = { ...context, signal: cancel };
  await provideVolumes(stoppable, options.namedVolumes);
  const id = await traced('create container', {}, () => createContainer(stoppable, options));
  let watched: Omit<WatchedContainer, 'kills'> | undefined;
  let isKept = false;
  try {
    // The files that the mounts are probed for are removed before the first start.
    const mounts = following.isPrepared() ? [] : options.mounts;
    watched = await watchAndAttach(stoppable, { id, options: { ...options, mounts } }, following);
    await beforeStart(stoppable, id, following);
    await waitForTurn(watched, following, stoppable);
    using kills = new OomKills();
    await traced('start container', {}, () => start(stoppable, id, { wait: following.wait, life }));
    isKept = watched.keep;
    return await tracedTarget(context, { ...watched, kills }, following);
  } catch (error) {
    if (error instanceof StaleContainer) {
      await removeContainer(engine, id, cancel);
      throw error;
    }
    throw await afterEnding(error, life, () =>
      isKept ? stopContainer(engine, id, { graceMs: 0, cancel }) : removeContainer(engine, id, cancel),
    );
  } finally {
    watched?.watch.close();
    watched?.output.abort();
  }
}

/** The span covers the time from the start to the end of the output. */
function tracedTarget(
  context: EngineContext,
  container: WatchedContainer,
  following: FollowOptions,
): Promise<ContainerOutcome> {
  return traced('run container', { 'container.id': container.id }, async (span) => {
    const outcome = await followTarget(context, container, following);
    span.set({ 'process.exit.code': outcome.exitCode });
    return outcome;
  });
}

/** Ends the container of a failed run; if that fails as well, the error of the run reports both. */
async function afterEnding(
  error: unknown,
  { mayHaveStarted }: Life,
  end: () => Promise<void>,
): Promise<Error> {
  const failure = toRunError(error);
  // After the start, only a failed stop or removal throws this: the engine need not be asked for it again.
  if (mayHaveStarted && failure.reason === 'EngineUnavailable') return failure;
  try {
    await end();
    return failure;
  } catch (ending) {
    return new RunError(failure.reason, `${failure.message}. ${describe(ending)}`, {
      cause: failure.cause ?? error,
    });
  }
}

/** Checks and opens everything that must be ready before the first instruction of the target. */
async function watchAndAttach(
  context: EngineContext,
  { id, options }: { id: string; options: ContainerOptions },
  sinks: OutputSinks,
): Promise<Omit<WatchedContainer, 'kills'>> {
  const { engine, signal } = context;
  const opening = ExitWatch.open(engine, id, signal);
  const ignore = () => undefined;
  // It may fail while the mounts are checked, when nothing awaits it yet: an unhandled rejection ends the worker.
  opening.catch(ignore);
  let attaching: Promise<TargetOutput> | undefined;
  try {
    await checkMounts(context, id, options.mounts);
    // Nobody can replace a volume that a container has.
    await checkVolumes(context, options.namedVolumes);
    attaching = TargetOutput.attach(engine, id, sinks, { signal });
    const [watch, output] = await Promise.all([opening, attaching]);
    watch.onReturn = () => output.resume({});
    return { id, keep: options.keep === true, watch, output };
  } catch (error) {
    // One of them may be open, and the engine ends neither for a container that never started.
    opening.then((watch) => watch.close(), ignore);
    attaching?.then((output) => output.abort(), ignore);
    if (signal.aborted) throw cancelledBeforeStart();
    if (error instanceof RunError) throw error;
    throw statusOf(error) === undefined
      ? unavailable(engine.socketPath, error)
      : toStartError(error, engine.socketPath);
  }
}

async function beforeStart(
  { signal }: EngineContext,
  id: string,
  { beforeStart: prepare }: FollowOptions,
): Promise<void> {
  try {
    await raceAbort(Promise.resolve(prepare?.(id)), signal);
  } catch (error) {
    throw signal.aborted ? cancelledBeforeStart() : error;
  }
}

async function start(
  { engine, signal }: EngineContext,
  id: string,
  { wait, life }: { wait: EngineWait | undefined; life: Life },
): Promise<void> {
  if (signal.aborted) throw cancelledBeforeStart();
  const container = engine.docker.getContainer(id);
  life.mayHaveStarted = true;
  const starting = engineCall<unknown>({ timeoutMs: startMs }, (abortSignal) =>
    container.start({ abortSignal }),
  );
  try {
    await settledDespiteAbort(starting, signal);
  } catch (error) {
    if (signal.aborted) throw cancelledBeforeStart();
    const failure = toStartError(error, engine.socketPath);
    // It has not started if the engine answered, or did not receive the request. Otherwise only the engine knows.
    life.mayHaveStarted = statusOf(error) === undefined && !isConnectFailure(error);
    if (statusOf(error) === undefined && !life.mayHaveStarted) throw unavailable(engine.socketPath, error);
    if (life.mayHaveStarted && wait !== undefined && (await neverStarted(engine, id, { wait, failure }))) {
      life.mayHaveStarted = false;
      throw unavailable(engine.socketPath, error);
    }
    throw failure;
  }
}

/**
 * Whether a container has certainly not started, once the engine answers again. A removal that is not forced
 * proves it: the engine refuses it for a running container, and refuses to start a removed one.
 */
async function neverStarted(
  engine: Engine,
  id: string,
  { wait, failure }: { wait: EngineWait; failure: RunError },
): Promise<boolean> {
  await wait.untilAnswers(failure);
  const { signal } = wait;
  try {
    if ((await inspectState(engine, id, { signal })).phase !== 'created') return false;
    const container = engine.docker.getContainer(id);
    await engineCall({ signal }, (abortSignal) => container.remove({ v: true, abortSignal }));
    return true;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}
