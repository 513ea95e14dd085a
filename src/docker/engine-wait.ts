import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { deadline, sleep } from '../support/abort.ts';
import { backoffMs } from '../support/backoff.ts';
import { errorCode, RunError } from '../support/errors.ts';
import { unavailable } from './engine-error.ts';

export type EngineWaitOptions = {
  readonly socketPath: string;
  /** Ends the wait with its reason: a cancel, or the start deadline. */
  readonly signal: AbortSignal;
  /** How long the engine may be away at a time, in milliseconds; without it, only the signal ends the wait. */
  readonly giveUpMs?: number | undefined;
  /** Called with why the engine cannot be used, and with undefined once it can be used again. */
  readonly onAway?: ((problem: RunError | undefined) => void) | undefined;
};

const pingMs = 5_000;
const retry = { firstMs: 500, maxMs: 15_000, leastMs: 250 } as const;

/**
 * Waits for an engine that is stopped, restarts, hangs or has a full disk. Only for the time before the target
 * has started: until then, everything can be repeated, and the node is at fault and not the run.
 */
export class EngineWait {
  readonly #options: EngineWaitOptions;

  constructor(options: EngineWaitOptions) {
    this.#options = options;
  }

  get signal(): AbortSignal {
    return this.#options.signal;
  }

  /** The same wait for a part that may be stopped sooner. */
  narrowedTo(signal: AbortSignal): EngineWait {
    return new EngineWait({ ...this.#options, signal: AbortSignal.any([this.signal, signal]) });
  }

  /**
   * Repeats `work` until the engine lets it end. What it may have left must not disturb the next time.
   * @throws RunError EngineReplaced, or what `work` fails with when the engine is not at fault
   */
  async until<T>(work: () => Promise<T>): Promise<T> {
    const begin = performance.now();
    for (let failures = 0; ; failures += 1) {
      try {
        const result = await work();
        this.#options.onAway?.(undefined);
        return result;
      } catch (error) {
        this.signal.throwIfAborted();
        if (!isEngineFault(error) || this.#isOver(begin)) throw error;
        await this.untilAnswers(error, failures);
      }
    }
  }

  /**
   * Resolves when the engine answers again; `failures` lengthens the pause before the first question.
   * @throws RunError EngineReplaced when only another pod can reach the engine, or `problem` after `giveUpMs`
   */
  async untilAnswers(problem: RunError, failures = 0): Promise<void> {
    const begin = performance.now();
    for (let tries = failures; ; tries += 1) {
      this.#options.onAway?.(problem);
      await sleep(backoffMs(tries, retry), this.signal);
      try {
        return await ping(this.#options.socketPath, this.signal);
      } catch (error) {
        this.signal.throwIfAborted();
        await throwIfReplaced(this.#options.socketPath, error);
        if (this.#isOver(begin)) throw problem;
      }
    }
  }

  #isOver(begin: number): boolean {
    const { giveUpMs } = this.#options;
    return giveUpMs !== undefined && performance.now() - begin >= giveUpMs;
  }
}

/** Asks the engine for a sign of life. @throws RunError EngineUnavailable; the signal's reason when it aborts */
export async function ping(socketPath: string, signal: AbortSignal): Promise<void> {
  try {
    const bound = deadline(pingMs, signal);
    // Not with dockerode, whose ping cannot be aborted: each would keep a connection to an engine that hangs.
    const request = get({ socketPath, path: '/_ping', agent: false, signal: bound });
    const [response] = (await once(request, 'response', { signal: bound })) as [IncomingMessage];
    response.resume();
    request.destroy();
    if (response.statusCode !== 200) throw new Error(`it answers with status ${response.statusCode}`);
  } catch (error) {
    signal.throwIfAborted();
    throw unavailable(socketPath, error);
  }
}

/**
 * True for a failure of the engine that may pass by itself: with a cause, which a wrong setting does not have.
 * A socket that forbids the access does not allow it later.
 */
export function isEngineFault(error: unknown): error is RunError {
  if (!(error instanceof RunError) || error.reason !== 'EngineUnavailable') return false;
  return error.cause !== undefined && errorCode(error.cause) !== 'EACCES';
}

/**
 * Whether nothing will ever answer on a socket: an engine that restarts replaces it, unless systemd keeps it open,
 * and a pod has the old one mounted. `failure` is that of a connection.
 */
export async function isReplaced(socketPath: string, failure: unknown): Promise<boolean> {
  if (errorCode(failure) !== 'ECONNREFUSED') return false;
  const links = await stat(socketPath).then(
    ({ nlink }) => nlink,
    () => undefined,
  );
  return links === 0;
}

async function throwIfReplaced(socketPath: string, error: unknown): Promise<void> {
  if (!(error instanceof RunError) || !(await isReplaced(socketPath, error.cause))) return;
  throw new RunError(
    'EngineReplaced',
    'the Docker Engine of the node has restarted with another socket than the one that is mounted in the pod',
    { cause: error },
  );
}
