import { RunError, describe, toRunError } from '../support/errors.ts';
import { initFailure, isUnreachable, toStartError } from './classify.ts';
import type { ContainerOptions } from './container-spec.ts';
import { inspectState } from './container-state.ts';
import { cancelledBeforeStart, createContainer, settledDespite } from './create-container.ts';
import { settledWithin } from './drain.ts';
import { type Death, ExitWatch } from './exit-watch.ts';
import type { Engine } from './engine.ts';
import { engineCall } from './engine-call.ts';
import type { OutputSinks } from './output-pump.ts';
import { removeContainer, stopAndRemove } from './remove-container.ts';
import { type StopCause, StopRequest } from './stop-request.ts';
import { TargetOutput } from './target-output.ts';

/** How the target ended; its exit code is data, whatever it is. Times are ISO 8601, by the engine's clock. */
export type ContainerOutcome = {
  readonly containerID: string;
  /** 137 when the engine killed it and no exit code is known. */
  readonly exitCode: number;
  readonly oomKilled: boolean;
  readonly startedAt: string;
  readonly finishedAt: string;
  /** Set when we stopped it. */
  readonly stopped?: StopCause;
  /** False when a sink broke or stood still, so that not every byte the target wrote was delivered. */
  readonly outputComplete: boolean;
};

/** What a run of a container needs besides the container itself. */
export type RunSupport = OutputSinks & {
  /** Called once the target runs. */
  readonly onStarted: (started: { containerID: string; startedAt: string }) => void;
  /** Cancels, in any phase. */
  readonly signal: AbortSignal;
  /** Counted from the start of the target. */
  readonly activeDeadlineMs?: number | undefined;
  /** What the target gets between its stop signal and SIGKILL, in whole seconds rounded up. */
  readonly stopGraceMs: number;
};

const startMs = 120_000;
const startedEventMs = 1_000;
const destroyMs = 10_000;
const stillThereMs = 5_000;
/** SIGKILL and SIGTERM. */
const killedExitCodes = [137, 143];
const usualDrain = { idleMs: 30_000 };
const stoppedDrain = { idleMs: 2_000, totalMs: 10_000 };
const cancelledDrain = { idleMs: 2_000, totalMs: 5_000 };

/**
 * Creates, attaches, starts, follows and removes one container. Returns or throws only when the container is
 * gone, or the bound for that is over and the error says so.
 * @throws RunError Cancelled (before the start), ContainerCreateFailed, ContainerStartFailed, ContainerLost,
 *   HostPathNotVisible, ImageNotFound or EngineUnavailable
 */
export async function runContainer(
  engine: Engine,
  options: ContainerOptions,
  support: RunSupport,
): Promise<ContainerOutcome> {
  const id = await createContainer(engine, options, support.signal);
  let run: StartedContainer | undefined;
  try {
    run = await prepare(engine, id, support);
    await start(engine, id, support.signal);
    return await follow(engine, run, support);
  } catch (error) {
    throw await afterRemoval(engine, id, { error, cancel: support.signal });
  } finally {
    run?.watch.close();
    run?.output.abort();
  }
}

/** Removes the container of a failed run; when even that fails, the error of the run says so too. */
async function afterRemoval(
  engine: Engine,
  id: string,
  { error, cancel }: { error: unknown; cancel: AbortSignal },
): Promise<Error> {
  const failure = toRunError(error);
  // Only a removal fails so, and the engine that just let it down need not be asked for another.
  if (failure.reason === 'EngineUnavailable') return failure;
  try {
    await removeContainer(engine, id, cancel);
    return failure;
  } catch (removal) {
    return new RunError(failure.reason, `${failure.message}. ${describe(removal)}`, { cause: error });
  }
}

type StartedContainer = { readonly id: string; readonly watch: ExitWatch; readonly output: TargetOutput };

/** Everything that must be listening before the first instruction of the target. */
async function prepare(engine: Engine, id: string, support: RunSupport): Promise<StartedContainer> {
  const opening = ExitWatch.open(engine, id, support.signal);
  try {
    const [watch, output] = await Promise.all([
      opening,
      TargetOutput.attach(engine, id, support, { signal: support.signal }),
    ]);
    watch.onReturn = () => output.resume({});
    return { id, watch, output };
  } catch (error) {
    opening.then(
      (watch) => watch.close(),
      () => undefined,
    );
    if (support.signal.aborted) throw cancelledBeforeStart();
    throw toStartError(error, engine.socketPath);
  }
}

async function start(engine: Engine, id: string, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw cancelledBeforeStart();
  const container = engine.docker.getContainer(id);
  const starting = engineCall<unknown>({ timeoutMs: startMs }, (abortSignal) =>
    container.start({ abortSignal }),
  );
  try {
    await settledDespite(starting, signal);
  } catch (error) {
    if (signal.aborted) throw cancelledBeforeStart();
    throw toStartError(error, engine.socketPath);
  }
}

async function follow(engine: Engine, run: StartedContainer, support: RunSupport): Promise<ContainerOutcome> {
  const { id, watch, output } = run;
  const startedAt = (await settledWithin(watch.started, startedEventMs)) ?? Date.now();
  using request = new StopRequest(support.signal);
  request.startClock(support.activeDeadlineMs);
  support.onStarted({ containerID: id, startedAt: isoTime(startedAt) });
  void output.ended.then(() => watch.look()).catch(() => undefined);

  const first = await Promise.race([watch.died, request.cause]);
  const stopped = typeof first === 'string' ? first : undefined;
  const { signal: cancel, stopGraceMs: graceMs } = support;
  if (stopped !== undefined) await stopAndRemove(engine, id, { graceMs, cancel });
  const death = typeof first === 'string' ? await deathAfterStop(watch) : first;
  if (stopped === undefined) await refuseEngineShutdown(engine, run, death);
  const usual = stopped === undefined ? usualDrain : stoppedDrain;
  const isDrained = await output.finish({ usual, hurried: cancelledDrain, cancel });
  if (stopped === undefined) await seeDestroyed(engine, run, cancel);
  const failure = stopped === undefined ? initFailure(death.exitCode, output.stderrHead) : undefined;
  if (failure !== undefined) throw failure;
  return {
    containerID: id,
    exitCode: death.exitCode,
    oomKilled: watch.oomKilled,
    startedAt: isoTime(startedAt),
    finishedAt: isoTime(death.at),
    ...(stopped === undefined ? {} : { stopped }),
    outputComplete: isDrained && !watch.wasInterrupted,
  };
}

/** The container is gone already: its last events are at most a moment behind. */
async function deathAfterStop(watch: ExitWatch): Promise<Death> {
  const death = await settledWithin(watch.died, startedEventMs).catch(() => undefined);
  return death ?? { exitCode: 137, at: Date.now() };
}

/**
 * An engine that shuts down stops its containers as if somebody had asked for it, and one that starts kills those
 * it finds (in 20.10 also with live-restore, when they remove themselves). Such an exit code is the engine's doing.
 */
async function refuseEngineShutdown(engine: Engine, run: StartedContainer, death: Death): Promise<void> {
  const { watch } = run;
  const looksKilled = watch.wasSignalled || killedExitCodes.includes(death.exitCode);
  if (watch.wasInterrupted && looksKilled && !watch.oomKilled) {
    throw new RunError('ContainerLost', 'The Docker Engine was restarted, which ended the target');
  }
  if (!watch.wasSignalled) return;
  try {
    await inspectState(engine, run.id, { timeoutMs: stillThereMs });
  } catch (error) {
    if (!isUnreachable(error)) return;
    throw new RunError('ContainerLost', 'The Docker Engine shut down and stopped the target', {
      cause: error,
    });
  }
}

/** The engine removes an ended container itself, usually within 50 ms; one it leaves behind is removed here. */
async function seeDestroyed(
  engine: Engine,
  { id, watch }: StartedContainer,
  cancel: AbortSignal,
): Promise<void> {
  const destroyed = watch.destroyed.then(() => true);
  const seen = await settledWithin(destroyed, destroyMs, cancel);
  if (seen !== true) await removeContainer(engine, id, cancel);
}

function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
