import { EngineWait } from '../docker/engine-wait.ts';
import { longestTimerMs } from '../support/abort.ts';
import { RunError } from '../support/errors.ts';
import type { Progress } from '../api/status.ts';
import type { LiveReport } from './progress.ts';
import type { RunEnvironment } from './run-environment.ts';

type Parts = {
  readonly signal: AbortSignal;
  readonly report: LiveReport;
  readonly environment: RunEnvironment;
};

/** The time until the target starts, which `startDeadlineSeconds` bounds. */
export class Preparation implements Disposable {
  readonly #outer: AbortSignal;
  readonly #exceeded = new AbortController();
  readonly #start: () => NodeJS.Timeout;
  #timer: NodeJS.Timeout;
  #isOver = false;
  /** Aborts when the run is stopped, or with StartDeadlineExceeded and what the worker was doing then. */
  readonly signal: AbortSignal;
  /** Waits for an engine that is away, and shows this in the report. */
  readonly engineWait: EngineWait;

  constructor({ signal, report, environment }: Parts) {
    const { spec, dockerSocket, engineName, engineAwayMs } = environment;
    const seconds = spec.startDeadlineSeconds;
    this.#outer = signal;
    this.signal = AbortSignal.any([signal, this.#exceeded.signal]);
    const exceed = () => this.#exceeded.abort(startDeadlineExceeded(seconds, report.snapshot().progress));
    this.#start = () => setTimeout(exceed, Math.min(seconds * 1000, longestTimerMs));
    this.#timer = this.#start();
    this.engineWait = new EngineWait({
      socketPath: dockerSocket,
      signal: this.signal,
      giveUpMs: engineAwayMs,
      onAway: (problem) => {
        report.engineProblem =
          problem === undefined
            ? undefined
            : `${engineName} does not answer, and the run waits for it: ${problem.message}`;
      },
    });
  }

  /** Aborts only for the deadline. */
  get exceeded(): AbortSignal {
    return this.#exceeded.signal;
  }

  /** Does a part of the preparation. @throws RunError StartDeadlineExceeded, or why the run was stopped */
  async run<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await work(this.signal);
    } catch (thrown) {
      this.#outer.throwIfAborted();
      this.exceeded.throwIfAborted();
      throw thrown;
    }
  }

  /** Does not count the time until `turn`, for which nothing is left to prepare; then the whole deadline counts. */
  async pauseUntil(turn: Promise<void>): Promise<void> {
    clearTimeout(this.#timer);
    await turn;
    clearTimeout(this.#timer);
    if (!this.#isOver) this.#timer = this.#start();
  }

  /** The target has started: the deadline does not count any more. */
  end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }

  [Symbol.dispose](): void {
    this.end();
  }
}

/** `progress` is the last one before the deadline. */
export function startDeadlineExceeded(seconds: number, progress: Progress | undefined): RunError {
  const percent = progress?.percent === undefined ? '' : ` (${progress.percent} %)`;
  const what = progress === undefined ? '' : `: ${progress.message}${percent}`;
  return new RunError('StartDeadlineExceeded', `the run was still being prepared after ${seconds} s${what}`);
}
