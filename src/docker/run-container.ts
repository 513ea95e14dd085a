import { raceAbort } from '../support/abort.ts';
import { RunError, describe, toRunError } from '../support/errors.ts';
import { traced } from '../support/trace/trace.ts';
import { toStartError } from './engine-error.ts';
import type { ContainerOptions } from './create/container-spec.ts';
import {
  cancelledBeforeStart,
  createContainer,
  gpuVariants,
  isGpuUnavailable,
  settledDespiteAbort,
} from './create/create-container.ts';
import { ExitWatch } from './exit-watch.ts';
import type { EngineContext } from './engine.ts';
import { engineCall } from './engine-call.ts';
import {
  type ContainerOutcome,
  type FollowOptions,
  followTarget,
  stopSignal,
  type WatchedContainer,
} from './follow-target.ts';
import { checkMounts } from './create/mount-probe.ts';
import { OomKills } from './oom-kills.ts';
import type { OutputSinks } from './output/output-pump.ts';
import { removeContainer, stopContainer } from './remove-container.ts';
import { TargetOutput } from './output/target-output.ts';

export type { ContainerOutcome, FollowOptions } from './follow-target.ts';

const startMs = 120_000;

/**
 * Creates, attaches, starts, follows and removes one container. Returns or throws only when the container is
 * gone (or stopped, if it is kept), or when the bound for that is over; the error then reports it.
 * @throws RunError Cancelled (before the start), ContainerCreateFailed, ContainerStartFailed, ContainerLost,
 *   HostPathNotVisible, ImageNotFound or EngineUnavailable, or what `beforeStart` or `fail` fails with
 */
export async function runContainer(
  context: EngineContext,
  options: ContainerOptions,
  following: FollowOptions,
): Promise<ContainerOutcome> {
  const { signal, log } = context;
  const { fail } = following;
  const once = { ...following, beforeStart: onlyOnce(following.beforeStart) };
  const [first, ...others] = gpuVariants(options);
  try {
    let running = runOne(context, first.options, once);
    for (const next of others) {
      running = running.catch(async (error: unknown) => {
        if (!isGpuUnavailable(error)) throw error;
        log?.warn(`${next.difference}: ${describe(error)}`);
        return runOne(context, next.options, once);
      });
    }
    return await running;
  } catch (error) {
    const isOurs = error instanceof RunError && error.reason === 'Cancelled';
    throw isOurs && fail?.aborted === true && !signal.aborted ? toRunError(fail.reason) : error;
  }
}

/** The preparation for one container also serves the one that replaces it. */
function onlyOnce(call: FollowOptions['beforeStart']): FollowOptions['beforeStart'] {
  let isDone = false;
  return async (id) => {
    if (isDone) return;
    isDone = true;
    await call?.(id);
  };
}

async function runOne(
  context: EngineContext,
  options: ContainerOptions,
  following: FollowOptions,
): Promise<ContainerOutcome> {
  const { engine } = context;
  const cancel = stopSignal(context, following);
  const stoppable: EngineContext = { ...context, signal: cancel };
  const id = await traced('create container', {}, () => createContainer(stoppable, options));
  let container: WatchedContainer | undefined;
  let isKept = false;
  try {
    container = await watchAndAttach(stoppable, { id, options }, following);
    await beforeStart(stoppable, id, following);
    await traced('start container', {}, () => start(stoppable, id));
    isKept = container.keep;
    return await tracedTarget(context, container, following);
  } catch (error) {
    throw await afterEnding(error, () =>
      isKept ? stopContainer(engine, id, { graceMs: 0, cancel }) : removeContainer(engine, id, cancel),
    );
  } finally {
    container?.watch.close();
    container?.output.abort();
    container?.kills[Symbol.dispose]();
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
async function afterEnding(error: unknown, end: () => Promise<void>): Promise<Error> {
  const failure = toRunError(error);
  // Only a failed stop or removal throws this, so the engine need not be asked to do the same again.
  if (failure.reason === 'EngineUnavailable') return failure;
  try {
    await end();
    return failure;
  } catch (ending) {
    return new RunError(failure.reason, `${failure.message}. ${describe(ending)}`, { cause: error });
  }
}

/** Checks and opens everything that must be ready before the first instruction of the target. */
async function watchAndAttach(
  context: EngineContext,
  { id, options }: { id: string; options: ContainerOptions },
  sinks: OutputSinks,
): Promise<WatchedContainer> {
  const { engine, signal } = context;
  const opening = ExitWatch.open(engine, id, signal);
  let attaching: Promise<TargetOutput> | undefined;
  try {
    await checkMounts(context, id, options.mounts);
    attaching = TargetOutput.attach(engine, id, sinks, { signal });
    const [watch, output] = await Promise.all([opening, attaching]);
    watch.onReturn = () => output.resume({});
    return { id, keep: options.keep === true, watch, output, kills: new OomKills() };
  } catch (error) {
    // One of them may be open, and the engine ends neither for a container that never started.
    const ignore = () => undefined;
    opening.then((watch) => watch.close(), ignore);
    attaching?.then((output) => output.abort(), ignore);
    if (signal.aborted) throw cancelledBeforeStart();
    throw error instanceof RunError ? error : toStartError(error, engine.socketPath);
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

async function start({ engine, signal }: EngineContext, id: string): Promise<void> {
  if (signal.aborted) throw cancelledBeforeStart();
  const container = engine.docker.getContainer(id);
  const starting = engineCall<unknown>({ timeoutMs: startMs }, (abortSignal) =>
    container.start({ abortSignal }),
  );
  try {
    await settledDespiteAbort(starting, signal);
  } catch (error) {
    if (signal.aborted) throw cancelledBeforeStart();
    throw toStartError(error, engine.socketPath);
  }
}
