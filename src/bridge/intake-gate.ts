import { backoffMs, type BackoffOptions } from '../support/backoff.ts';
import { type Clock, realClock } from '../runtime/clock.ts';
import type { Obstacle } from './bridge-metrics.ts';
import type { Holdup } from './holdup.ts';
import type { NamespaceState } from './runs/bridge-runs.ts';
import type { QueueSettings } from './translate/message-outcome.ts';

type GateOptions = {
  /** What keeps every message of the queue waiting: what is needed to take one is not known yet, or cannot be had. */
  readonly standing: () => 'starting' | 'namespace' | undefined;
  /** How many runs of the bridge have not ended, and how many messages of other queues may become some. */
  readonly unfinished: () => number;
  readonly maxRuns: number;
  readonly clock?: Clock;
  readonly backoff?: BackoffOptions;
  readonly random?: () => number;
};

/** Doubles up to a minute: what holds the messages up, such as a restart of Girder, takes that long. */
const defaultBackoff: BackoffOptions = { firstMs: 1_000, maxMs: 60_000 };

/**
 * Decides whether messages of one queue are taken now: what one queue waits for must not hold up the others. What is
 * not taken stays in RabbitMQ, unacknowledged nowhere, so that no delivery gets older than `consumer_timeout`.
 */
export class IntakeGate {
  readonly #options: GateOptions;
  readonly #clock: Clock;
  #inWork = 0;
  #failures = 0;
  #held: { readonly obstacle: Obstacle; readonly until: number } | undefined;

  constructor(options: GateOptions) {
    this.#options = options;
    this.#clock = options.clock ?? realClock;
  }

  /** Messages that were taken and are not acknowledged. */
  get inWork(): number {
    return this.#inWork;
  }

  /** How many more messages may be taken; 0 while there is an obstacle. */
  get room(): number {
    if (this.#obstacleNow() !== undefined) return 0;
    return Math.max(0, this.#options.maxRuns - this.#options.unfinished() - this.#inWork);
  }

  /** Why no message may be taken; undefined when one may. */
  get obstacle(): Obstacle | undefined {
    return this.#obstacleNow() ?? (this.room === 0 ? 'capacity' : undefined);
  }

  /** Counts a message that is taken; call the result when it is acknowledged or returned. */
  enter(): () => void {
    this.#inWork += 1;
    return () => {
      this.#inWork -= 1;
    };
  }

  /** Takes no message for a while: longer after each failure without a success in between. */
  hold({ obstacle }: Holdup): void {
    const now = this.#clock.now();
    // Messages that fail together are one failure.
    if (this.#held !== undefined && now < this.#held.until) return;
    const waitMs = backoffMs(
      this.#failures,
      this.#options.backoff ?? defaultBackoff,
      this.#options.random ?? Math.random,
    );
    this.#failures += 1;
    this.#held = { obstacle, until: now + waitMs };
  }

  /** A message came to its end: whatever held others up has passed. */
  passed(): void {
    this.#failures = 0;
  }

  #obstacleNow(): Obstacle | undefined {
    const standing = this.#options.standing();
    if (standing !== undefined) return standing;
    if (this.#held === undefined) return undefined;
    if (this.#clock.now() < this.#held.until) return this.#held.obstacle;
    this.#held = undefined;
    return undefined;
  }
}

type GatesOptions = {
  readonly queues: readonly Pick<QueueSettings, 'queue' | 'namespace'>[];
  readonly maxRuns: number;
  /** How many runs of the bridge have not ended, in all namespaces. */
  readonly unfinished: () => number;
  /** Whether all namespaces are known, or known not to be usable: only then are all runs counted. */
  readonly isReady: () => boolean;
  readonly stateOf: (namespace: string) => NamespaceState;
};

/** The gates of all queues, which share the limit of runs. */
export class QueueGates {
  readonly #gates: ReadonlyMap<string, IntakeGate>;

  constructor({ queues, maxRuns, unfinished, isReady, stateOf }: GatesOptions) {
    const gateOf = ({ queue, namespace }: GatesOptions['queues'][number]) =>
      new IntakeGate({
        standing: () => standingOf(isReady(), stateOf(namespace)),
        unfinished: () => unfinished() + this.#inWorkBeside(queue),
        maxRuns,
      });
    this.#gates = new Map(queues.map((one) => [one.queue, gateOf(one)]));
  }

  of(queue: string): IntakeGate {
    const gate = this.#gates.get(queue);
    if (gate === undefined) throw new Error(`the queue ${queue} has no settings`);
    return gate;
  }

  /** Messages that were taken and are not acknowledged. */
  get inWork(): number {
    return [...this.#gates.values()].reduce((sum, gate) => sum + gate.inWork, 0);
  }

  /** Why no message of each queue is taken; undefined where one may be. */
  get obstacles(): readonly (readonly [queue: string, obstacle: Obstacle | undefined])[] {
    return [...this.#gates].map(([queue, gate]) => [queue, gate.obstacle] as const);
  }

  #inWorkBeside(queue: string): number {
    return this.inWork - this.of(queue).inWork;
  }
}

function standingOf(isReady: boolean, state: NamespaceState): 'starting' | 'namespace' | undefined {
  if (!isReady || state === 'unknown') return 'starting';
  return state === 'refused' ? 'namespace' : undefined;
}
