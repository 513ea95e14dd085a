import type { Connection } from '../../kube/connection.ts';
import { KubeError } from '../../kube/kube-error.ts';
import { ListWatch } from '../../kube/list-watch.ts';
import { paths } from '../../kube/paths.ts';
import type { Vitals } from '../../runtime/health.ts';
import { describe } from '../../support/errors.ts';
import type { Logger } from '../../support/log.ts';
import { bridgeLabel } from '../translate/run-facts.ts';
import type { ListedRun } from '../broker/control-answers.ts';
import { type FollowedRun, hasEnded, hasWorker, keyOf, parseFollowedRun } from './followed-run.ts';

type Options = {
  readonly connection: Connection;
  readonly namespaces: readonly string[];
  /** Called for each run of the first list, and after each change or deletion, with its last state. */
  readonly onChange: (run: FollowedRun) => void;
  /** Called when the runs of a namespace are known for the first time, or again after they could not be listed. */
  readonly onListed?: (namespace: string) => void;
  readonly log: Logger;
};

/**
 * `refused`: the runs cannot be listed, because the namespace was deleted, with the bridge's Role in it, or the Role is
 * missing. That may change at any moment.
 */
export type NamespaceState = 'unknown' | 'listed' | 'refused';

/** In milliseconds: an ended run whose job has not ended for so long is one that somebody should look at. */
const overdueMs = 300_000;

/** The DockerRuns of the bridge in its namespaces, as the API server has them. */
export class BridgeRuns {
  readonly #caches: ReadonlyMap<string, ListWatch<FollowedRun>>;
  readonly #states = new Map<string, NamespaceState>();
  readonly #signAt = new Map<string, number>();
  readonly #options: Options;

  constructor(options: Options) {
    const { connection, namespaces, onChange, log } = options;
    this.#options = options;
    const cacheOf = (namespace: string) => {
      const sign = () => void this.#signAt.set(namespace, performance.now());
      sign();
      const known = () => {
        sign();
        this.#known(namespace);
      };
      const interrupted = (_: string, failure: unknown) => {
        sign();
        if (isRefusal(failure)) this.#refused(namespace, failure);
      };
      return new ListWatch({
        connection,
        path: paths.dockerRuns(namespace),
        labelSelector: bridgeLabel,
        parse: parseFollowedRun,
        onChange,
        log,
        // A watch that is accepted again continues, without a list.
        observer: { listed: known, watching: known, event: sign, interrupted },
      });
    };
    this.#caches = new Map(namespaces.map((namespace) => [namespace, cacheOf(namespace)]));
  }

  /** Lists and watches until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#caches.values()].map((cache) => cache.run(signal)));
  }

  /** True once each namespace was listed or refused: one that was deleted must not keep the others waiting. */
  get isReady(): boolean {
    return [...this.#caches.keys()].every((namespace) => this.stateOf(namespace) !== 'unknown');
  }

  stateOf(namespace: string): NamespaceState {
    return this.#states.get(namespace) ?? 'unknown';
  }

  /** The namespaces whose runs are known. */
  get listedNamespaces(): ReadonlySet<string> {
    return new Set(
      [...this.#states].filter(([, state]) => state === 'listed').map(([namespace]) => namespace),
    );
  }

  /** The watches, for liveness. */
  get signs(): Vitals['watches'] {
    return [...this.#signAt].map(([namespace, lastSignAt]) => ({
      resource: `dockerruns in ${namespace}`,
      lastSignAt,
    }));
  }

  get(key: string): FollowedRun | undefined {
    return this.#caches.get(key.split('/')[0] ?? '')?.get(key);
  }

  values(): FollowedRun[] {
    return [...this.#caches.values()].flatMap((cache) => cache.values());
  }

  get unfinished(): number {
    return this.values().filter((run) => !hasEnded(run)).length;
  }

  /** Runs that have ended without their Girder job. */
  overdue(now: number): number {
    const isOverdue = (run: FollowedRun) =>
      run.job !== undefined && !run.isReported && now - (run.completedAt ?? now) > overdueMs;
    return this.values().filter((run) => hasEnded(run) && isOverdue(run)).length;
  }

  /** What Girder's page of workers shows of them. */
  listed(queueOf: (namespace: string) => string): { active: ListedRun[]; reserved: ListedRun[] } {
    const list = (runs: readonly FollowedRun[]) =>
      runs.map((run) => ({
        taskId: run.taskId,
        name: keyOf(run),
        queue: queueOf(run.namespace),
        since: run.createdAt / 1000,
      }));
    const open = this.values().filter((run) => !hasEnded(run));
    return { active: list(open.filter(hasWorker)), reserved: list(open.filter((run) => !hasWorker(run))) };
  }

  #known(namespace: string): void {
    const before = this.#states.get(namespace);
    this.#states.set(namespace, 'listed');
    if (before === 'listed') return;
    const { log, onListed } = this.#options;
    if (before === 'refused') log.info({ namespace }, 'the namespace can be used again');
    onListed?.(namespace);
  }

  #refused(namespace: string, failure: KubeError): void {
    if (this.#states.get(namespace) === 'refused') return;
    this.#states.set(namespace, 'refused');
    this.#options.log.error(
      { namespace, error: describe(failure) },
      'the namespace of a queue cannot be used: create it again, and install the chart again, which makes the Role of the bridge in it',
    );
  }
}

/** The API server has answered that these runs, other than those of other namespaces, are not to be had. */
function isRefusal(failure: unknown): failure is KubeError {
  return failure instanceof KubeError && (failure.status === 403 || failure.status === 404);
}
