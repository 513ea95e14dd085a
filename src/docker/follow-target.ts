import { readFileSync } from 'node:fs';
import { defined } from '../api/json-values.ts';
import { longestTimerMs, onAbort, settledWithin } from '../support/abort.ts';
import { RunError } from '../support/errors.ts';
import { inspectState } from './container-state.ts';
import { initFailure, isUnreachable } from './engine-error.ts';
import type { Engine, EngineContext } from './engine.ts';
import type { EngineWait } from './engine-wait.ts';
import type { ContainerExit, ExitWatch } from './exit-watch.ts';
import type { OutputSinks } from './output/output-pump.ts';
import type { TargetOutput } from './output/target-output.ts';
import { removeContainer, stopAndRemove, stopContainer } from './remove-container.ts';

/** How the target ended, whatever its exit code. Times are ISO 8601, by the engine's clock. */
export type ContainerOutcome = {
  readonly containerID: string;
  /** 137 when the engine killed the target and no exit code is known. */
  readonly exitCode: number;
  readonly oomKilled: boolean;
  readonly startedAt: string;
  readonly finishedAt: string;
  /** Set when we stopped the target. */
  readonly stopped?: StopCause;
  /** False when a sink broke or stalled, so that not every byte of the target's output was delivered. */
  readonly outputComplete: boolean;
  /** The first 512 bytes of stderr. */
  readonly stderrHead?: string;
};

/** Why we stopped a running target; `failed` when another part of the run, such as a stream, has failed. */
type StopCause = 'cancelled' | 'deadline' | 'failed';

/** What the caller wants to know of the target while it runs, and what can stop it. */
export type FollowOptions = OutputSinks & {
  /**
   * Called once, when the container is created and attached but not started; the start waits for it. When it
   * rejects, the container does not start, and a RunError is rethrown unchanged.
   */
  readonly beforeStart?: ((containerID: string) => Promise<void>) | undefined;
  /**
   * Waits until the container may start; by then it is created and attached. It may be called again, for a container
   * that replaces one that waited for long or was lost meanwhile.
   */
  readonly awaitTurn?: (() => Promise<void>) | undefined;
  /** Called once the target runs. */
  readonly onStarted: (started: { containerID: string; startedAt: string }) => void;
  /** Called when the target has ended by itself and its output is delivered; its container may still be there. */
  readonly onEnded?: (() => void) | undefined;
  /** How to wait for an engine that is away before the target has started; without it, that fails the run. */
  readonly wait?: EngineWait | undefined;
  /** Stops the target, in any phase, when the run failed elsewhere; before the start its reason is thrown. */
  readonly fail?: AbortSignal | undefined;
  /** Counted from the start of the target. */
  readonly activeDeadlineMs?: number | undefined;
  /** The time between the target's stop signal and SIGKILL; rounded up to whole seconds. */
  readonly stopGraceMs: number;
  /** How long the output may stall after the target's end before the rest is discarded (default 30 s). */
  readonly drainIdleMs?: number | undefined;
};

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
const defaultDrainMs = 30_000;
const stoppedDrain = { idleMs: 2_000, totalMs: 10_000 };
const cancelledDrain = { idleMs: 2_000, totalMs: 5_000 };

/**
 * Follows a started target to its end, or stops it. Unless the container is kept, it is gone afterwards.
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
  const mayBeOomKill = typeof first !== 'string' && first.exitCode === sigkillExitCode && kills.grewLately;
  const { exit, isDrained } = await (typeof first === 'string'
    ? stopTarget(context, container, options)
    : finishAfterExit(context, container, first, options));
  return {
    containerID: id,
    exitCode: exit.exitCode,
    oomKilled: watch.oomKilled || (mayBeOomKill && !watch.wasSignalled),
    startedAt: isoTime(startedAt),
    finishedAt: isoTime(exit.at),
    ...defined({ stopped }),
    outputComplete: isDrained && !watch.wasInterrupted,
    stderrHead: container.output.stderrHead,
  };
}

type End = { readonly exit: ContainerExit; readonly isDrained: boolean };

async function stopTarget(
  context: EngineContext,
  { id, keep, watch, output }: WatchedContainer,
  options: FollowOptions,
): Promise<End> {
  const cancel = stopSignal(context, options);
  await (keep ? stopContainer : stopAndRemove)(context.engine, id, { graceMs: options.stopGraceMs, cancel });
  const exit = await exitAfterStop(watch);
  return { exit, isDrained: await output.finish({ usual: stoppedDrain, hurried: cancelledDrain, cancel }) };
}

/** The target has already ended, so its last events arrive within a moment. */
async function exitAfterStop(watch: ExitWatch): Promise<ContainerExit> {
  const exit = await settledWithin(watch.exited, startedEventMs).catch(() => undefined);
  return exit ?? { exitCode: sigkillExitCode, at: Date.now() };
}

/** Waits for the remaining output of a target that ended by itself, and for the removal of its container. */
async function finishAfterExit(
  context: EngineContext,
  container: WatchedContainer,
  exit: ContainerExit,
  options: FollowOptions,
): Promise<End> {
  const { engine } = context;
  const { keep, output } = container;
  const cancel = stopSignal(context, options);
  await throwIfEngineEnded(engine, container, exit);
  const isDrained = await output.finish({
    usual: { idleMs: options.drainIdleMs ?? defaultDrainMs },
    hurried: cancelledDrain,
    cancel,
  });
  options.onEnded?.();
  if (!keep) await awaitRemoval(engine, container, cancel);
  const failure = initFailure(exit.exitCode, output.stderrHead);
  if (failure !== undefined) throw failure;
  return { exit, isDrained };
}

/**
 * An engine that shuts down stops its containers as if a user had asked for it. One that starts kills those
 * that it finds (20.10 even with live-restore, when they remove themselves). Neither is the target's own end.
 */
async function throwIfEngineEnded(
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

/** The engine usually removes an ended container within 50 ms; one that it leaves behind is removed here. */
async function awaitRemoval(
  engine: Engine,
  { id, watch }: WatchedContainer,
  cancel: AbortSignal,
): Promise<void> {
  const destroyed = watch.destroyed.then(() => true);
  const isGone = await settledWithin(destroyed, destroyMs, cancel);
  if (isGone !== true) await removeContainer(engine, id, cancel);
}

function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** Aborts when the target must stop for any reason but its deadline. */
export function stopSignal({ signal }: EngineContext, { fail }: Pick<FollowOptions, 'fail'>): AbortSignal {
  return fail === undefined ? signal : AbortSignal.any([signal, fail]);
}

/** The first cause to stop the target: a cancel, a failure elsewhere in the run, or its deadline. */
class StopRequest implements Disposable {
  readonly #resolvers = Promise.withResolvers<StopCause>();
  readonly #listening: Disposable[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor({ signal, fail }: { readonly signal: AbortSignal; readonly fail: AbortSignal | undefined }) {
    this.#listen(signal, 'cancelled');
    if (fail !== undefined) this.#listen(fail, 'failed');
  }

  get cause(): Promise<StopCause> {
    return this.#resolvers.promise;
  }

  /** Starts the clock of the deadline, in milliseconds; undefined means no deadline. */
  startClock(milliseconds: number | undefined): void {
    if (milliseconds === undefined) return;
    const step = Math.min(milliseconds, longestTimerMs);
    this.#timer = setTimeout(() => {
      if (step === milliseconds) this.#resolvers.resolve('deadline');
      else this.startClock(milliseconds - step);
    }, step);
    this.#timer.unref();
  }

  /** Releases the timer and the signals. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    for (const one of this.#listening) one[Symbol.dispose]();
  }

  #listen(signal: AbortSignal, cause: StopCause): void {
    this.#listening.push(onAbort(signal, () => this.#resolvers.resolve(cause)));
  }
}

const sampleMs = 1_000;

/** Covers the delay until a kill is reported through kernel, containerd and engine on a busy node. */
const windowSamples = 5;

/**
 * Counts how often the kernel killed a process for lack of memory on this node, in any container: `oom_kill`
 * in /proc/vmstat, which no namespace hides. A busy engine can miss why a container was killed, because the
 * event comes from a cgroup that is already gone; the counter then shows it, unless another container ran out
 * of memory in the same seconds. Create it before the target starts: some run out of memory in milliseconds.
 */
export class OomKills implements Disposable {
  /** The last few samples, the oldest first; never empty. */
  #samples: readonly (number | undefined)[] = [countKills()];
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => {
      this.#samples = [...this.#samples, countKills()].slice(-windowSamples);
    }, sampleMs).unref();
  }

  /** True when the count grew within the last 5 s; false when the kernel does not report it. */
  get grewLately(): boolean {
    const [before] = this.#samples;
    const now = countKills();
    return before !== undefined && now !== undefined && now > before;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

function countKills(): number | undefined {
  try {
    const count = /^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'utf8'))?.[1];
    return count === undefined ? undefined : Number(count);
  } catch {
    return undefined;
  }
}
