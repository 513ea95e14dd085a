import type { OutputSinks } from './output/output-pump.ts';
import type { StopCause } from './stop-request.ts';

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
  /**
   * Called once, when the container is created and attached and nothing of it runs yet. The start waits for it, and
   * does not come when it rejects; a RunError is thrown on as it is.
   */
  readonly beforeStart?: ((containerID: string) => Promise<void>) | undefined;
  /** Called once the target runs. */
  readonly onStarted: (started: { containerID: string; startedAt: string }) => void;
  /** Told in one sentence what was done differently from what was asked for. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Cancels, in any phase. */
  readonly signal: AbortSignal;
  /** Stops in any phase, too, because the run failed elsewhere; before the start, its reason is what is thrown. */
  readonly fail?: AbortSignal | undefined;
  /** Counted from the start of the target. */
  readonly activeDeadlineMs?: number | undefined;
  /** What the target gets between its stop signal and SIGKILL, in whole seconds rounded up. */
  readonly stopGraceMs: number;
  /** How long the output may stand still after the target's end before the rest is given up; 30 s when absent. */
  readonly drainIdleMs?: number | undefined;
};

/** Aborts when the run is to stop for any reason but the target's deadline. */
export function stopSignal({ signal, fail }: Pick<RunSupport, 'signal' | 'fail'>): AbortSignal {
  return fail === undefined ? signal : AbortSignal.any([signal, fail]);
}
