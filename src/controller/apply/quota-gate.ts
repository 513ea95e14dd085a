import { jobName } from '../../api/names.ts';
import type { Refusal } from '../observe/observed.ts';
import { type Clock, realClock } from '../../runtime/clock.ts';
import { backoffMs } from '../../support/backoff.ts';

/** The waits between two questions whether a namespace has room for a Job again. */
const retryMs = { firstMs: 1_000, maxMs: 30_000 } as const;

/** A run that was chosen to ask, and did not, for example because it was cancelled, loses its turn after this. */
const turnMs = 5_000;

/** A run that waits for its Job; `key` is `<namespace>/<name>`. */
type Waiting = { readonly key: string; readonly created: string };

/** A namespace whose quota has no room for a Job. */
type Closed = {
  refusal: { readonly message: string; readonly jobName: string };
  /** How often in a row the quota refused. */
  refusals: number;
  /** The runs that wait, by their keys. */
  readonly waiting: Map<string, Waiting>;
  /** The run that may ask now. */
  turn: string | undefined;
  cancelTimer: () => void;
};

type Run = {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly creationTimestamp: string;
  };
};

/**
 * Lets one run at a time ask for a Job where a quota has refused one: without it, each of a thousand waiting runs
 * sends two requests every half minute, for ever. The oldest run asks first. Once one gets its Job, the next one
 * asks at once, so that free room is used at the pace of the API server.
 */
export class QuotaGate {
  readonly #closed = new Map<string, Closed>();
  readonly #wake: (key: string) => void;
  readonly #clock: Clock;

  /** `wake` is called with the `<namespace>/<name>` of the run whose turn it is. */
  constructor(wake: (key: string) => void, clock: Clock = realClock) {
    this.#wake = wake;
    this.#clock = clock;
  }

  /** What the quota would answer to this run, which waits for its turn; undefined when it may ask. */
  refusalFor(run: Run): Refusal | undefined {
    const closed = this.#closed.get(run.metadata.namespace);
    if (closed === undefined) return undefined;
    const one = waitingOf(run);
    if (closed.turn === one.key) return undefined;
    closed.waiting.set(one.key, one);
    const { message, jobName: asked } = closed.refusal;
    return { message: message.replaceAll(asked, jobName(run.metadata)), permanent: false };
  }

  /** Must be called with what the API server answered to a run that asked: a refusal, or none. */
  answered(run: Run, refusal: Refusal | undefined): void {
    const { namespace } = run.metadata;
    const one = waitingOf(run);
    const known = this.#closed.get(namespace);
    if (refusal === undefined || !isByQuota(refusal)) {
      if (known === undefined) return;
      known.waiting.delete(one.key);
      if (known.turn !== one.key) return;
      known.refusals = 0;
      this.#next(namespace, known);
      return;
    }
    const closed = known ?? this.#close(namespace);
    closed.refusal = { message: refusal.message, jobName: jobName(run.metadata) };
    closed.waiting.set(one.key, one);
    // Some runs may have asked at once, before the first was refused.
    if (known !== undefined && known.turn !== one.key) return;
    closed.turn = undefined;
    const wait = backoffMs(closed.refusals, retryMs);
    closed.refusals += 1;
    this.#after(closed, wait, () => this.#next(namespace, closed));
  }

  /** Must be called when a Job was deleted: there may be room again. */
  jobDeleted(namespace: string): void {
    const closed = this.#closed.get(namespace);
    if (closed === undefined || closed.turn !== undefined) return;
    closed.refusals = 0;
    this.#after(closed, retryMs.firstMs, () => this.#next(namespace, closed));
  }

  /** Stops all timers. */
  stop(): void {
    for (const { cancelTimer } of this.#closed.values()) cancelTimer();
    this.#closed.clear();
  }

  #close(namespace: string): Closed {
    const closed: Closed = {
      refusal: { message: '', jobName: '' },
      refusals: 0,
      waiting: new Map(),
      turn: undefined,
      cancelTimer: () => undefined,
    };
    this.#closed.set(namespace, closed);
    return closed;
  }

  /** Gives the turn to the run that was created first; without one, the namespace is open again. */
  #next(namespace: string, closed: Closed): void {
    closed.cancelTimer();
    const first = oldest(closed.waiting.values());
    closed.turn = first?.key;
    if (first === undefined) {
      this.#closed.delete(namespace);
      return;
    }
    this.#after(closed, turnMs, () => {
      closed.waiting.delete(first.key);
      this.#next(namespace, closed);
    });
    this.#wake(first.key);
  }

  #after(closed: Closed, milliseconds: number, ring: () => void): void {
    closed.cancelTimer();
    closed.cancelTimer = this.#clock.after(milliseconds, ring);
  }
}

/** Of runs of the same second, the first by name. */
function oldest(waiting: Iterable<Waiting>): Waiting | undefined {
  let first: Waiting | undefined;
  for (const one of waiting) {
    const order =
      first === undefined ? -1 : compare(one.created, first.created) || compare(one.key, first.key);
    if (order < 0) first = one;
  }
  return first;
}

const compare = (one: string, other: string) => (one < other ? -1 : Number(one > other));

function waitingOf({ metadata: { namespace, name, creationTimestamp } }: Run): Waiting {
  return { key: `${namespace}/${name}`, created: creationTimestamp };
}

/** The texts of Kubernetes' quota admission; it has no reason of its own. */
function isByQuota({ message, permanent }: Refusal): boolean {
  return !permanent && /: exceeded quota: |: status unknown for quota: /.test(message);
}
