import { sleep } from '../../support/abort.ts';
import { type Clock, realClock } from '../../runtime/clock.ts';

/** Spaces requests, so that a thousand waiting runs ask Girder no more often than ten. */
export class RequestPace {
  readonly #spacingMs: number;
  readonly #clock: Clock;
  #next = 0;

  constructor(perSecond: number, clock: Clock = realClock) {
    this.#spacingMs = 1000 / perSecond;
    this.#clock = clock;
  }

  /** Resolves when the next request may be sent, in the order of the calls. */
  async turn(signal: AbortSignal): Promise<void> {
    const now = this.#clock.now();
    const at = Math.max(now, this.#next);
    this.#next = at + this.#spacingMs;
    if (at > now) await sleep(at - now, signal);
  }
}
