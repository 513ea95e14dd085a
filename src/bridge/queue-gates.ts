import type { Obstacle } from './bridge-metrics.ts';
import { IntakeGate } from './intake-gate.ts';
import type { NamespaceState } from './runs/bridge-runs.ts';
import type { QueueSettings } from './translate/message-outcome.ts';

type Options = {
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

  constructor({ queues, maxRuns, unfinished, isReady, stateOf }: Options) {
    const gateOf = ({ queue, namespace }: Options['queues'][number]) =>
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
