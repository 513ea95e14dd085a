import { defined } from '../api/json-values.ts';
import { settledWithin } from '../support/abort.ts';
import { RunError } from '../support/errors.ts';
import { initFailure, isUnreachable } from './engine-error.ts';
import { inspectState } from './container-state.ts';
import type { Engine, EngineContext } from './engine.ts';
import type { ContainerExit, ExitWatch } from './exit-watch.ts';
import type { OomKills } from './oom-kills.ts';
import { removeContainer, stopAndRemove, stopContainer } from './remove-container.ts';
import { type ContainerOutcome, type FollowOptions, StopRequest, stopSignal } from './container-outcome.ts';
import type { TargetOutput } from './output/target-output.ts';

/** A container that is watched and attached; `keep` when it stays after its end. */
export type WatchedContainer = {
  readonly id: string;
  readonly keep: boolean;
  readonly watch: ExitWatch;
  readonly output: TargetOutput;
  readonly kills: OomKills;
};

const startedEventMs = 1_000;
const destroyMs = 10_000;
const stillThereMs = 5_000;
const sigkillExitCode = 137;
const sigtermExitCode = 143;
const killedExitCodes = [sigkillExitCode, sigtermExitCode];
const usualDrainMs = 30_000;
const stoppedDrain = { idleMs: 2_000, totalMs: 10_000 };
const cancelledDrain = { idleMs: 2_000, totalMs: 5_000 };

/**
 * Follows a started target to its end, or stops it, and sees the container gone unless it is kept.
 * @throws RunError ContainerStartFailed, ContainerLost or EngineUnavailable
 */
export async function followTarget(
  context: EngineContext,
  container: WatchedContainer,
  options: FollowOptions,
): Promise<ContainerOutcome> {
  const { id, watch, output, kills } = container;
  const startedAt = (await settledWithin(watch.started, startedEventMs)) ?? Date.now();
  using request = new StopRequest({ signal: context.signal, fail: options.fail });
  request.startClock(options.activeDeadlineMs);
  options.onStarted({ containerID: id, startedAt: isoTime(startedAt) });
  void output.ended.then(() => watch.inspect()).catch(() => undefined);

  const first = await Promise.race([watch.exited, request.cause]);
  const stopped = typeof first === 'string' ? first : undefined;
  const wasMissed = typeof first !== 'string' && first.exitCode === sigkillExitCode && kills.grewLately;
  const { exit, isDrained } = await (typeof first === 'string'
    ? stop(context, container, options)
    : seeEnded(context, container, first, options));
  return {
    containerID: id,
    exitCode: exit.exitCode,
    oomKilled: watch.oomKilled || (wasMissed && !watch.wasSignalled),
    startedAt: isoTime(startedAt),
    finishedAt: isoTime(exit.at),
    ...defined({ stopped }),
    outputComplete: isDrained && !watch.wasInterrupted,
  };
}

type End = { readonly exit: ContainerExit; readonly isDrained: boolean };

/** Ends a target that must not go on. */
async function stop(
  context: EngineContext,
  { id, keep, watch, output }: WatchedContainer,
  options: FollowOptions,
): Promise<End> {
  const cancel = stopSignal(context, options);
  await (keep ? stopContainer : stopAndRemove)(context.engine, id, { graceMs: options.stopGraceMs, cancel });
  const exit = await exitAfterStop(watch);
  return { exit, isDrained: await output.finish({ usual: stoppedDrain, hurried: cancelledDrain, cancel }) };
}

/** Takes leave of a target that ended by itself. */
async function seeEnded(
  context: EngineContext,
  container: WatchedContainer,
  exit: ContainerExit,
  options: FollowOptions,
): Promise<End> {
  const { engine } = context;
  const { keep, output } = container;
  const cancel = stopSignal(context, options);
  await refuseEngineShutdown(engine, container, exit);
  const isDrained = await output.finish({
    usual: { idleMs: options.drainIdleMs ?? usualDrainMs },
    hurried: cancelledDrain,
    cancel,
  });
  if (!keep) await seeDestroyed(engine, container, cancel);
  const failure = initFailure(exit.exitCode, output.stderrHead);
  if (failure !== undefined) throw failure;
  return { exit, isDrained };
}

/** The target has ended already: its last events are at most a moment behind. */
async function exitAfterStop(watch: ExitWatch): Promise<ContainerExit> {
  const exit = await settledWithin(watch.exited, startedEventMs).catch(() => undefined);
  return exit ?? { exitCode: 137, at: Date.now() };
}

/**
 * An engine that shuts down stops its containers as if somebody had asked for it, and one that starts kills those
 * it finds (in 20.10 also with live-restore, when they remove themselves). Such an exit code is the engine's doing.
 */
async function refuseEngineShutdown(
  engine: Engine,
  { id, watch }: WatchedContainer,
  exit: ContainerExit,
): Promise<void> {
  const looksKilled = watch.wasSignalled || killedExitCodes.includes(exit.exitCode);
  if (watch.wasInterrupted && looksKilled && !watch.oomKilled) {
    throw new RunError('ContainerLost', 'The Docker Engine was restarted, which ended the target');
  }
  if (!watch.wasSignalled) return;
  try {
    await inspectState(engine, id, { timeoutMs: stillThereMs });
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
  { id, watch }: WatchedContainer,
  cancel: AbortSignal,
): Promise<void> {
  const destroyed = watch.destroyed.then(() => true);
  const seen = await settledWithin(destroyed, destroyMs, cancel);
  if (seen !== true) await removeContainer(engine, id, cancel);
}

function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
