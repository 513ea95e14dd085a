import type { Connection } from '../../kube/connection.ts';
import { ListWatch } from '../../kube/list-watch.ts';
import { paths } from '../../kube/paths.ts';
import type { Vitals } from '../../runtime/health.ts';
import type { Logger } from '../../support/log.ts';
import { bridgeLabel } from '../translate/run-facts.ts';
import type { ListedRun } from '../broker/control-answers.ts';
import { type FollowedRun, hasEnded, hasWorker, keyOf, parseFollowedRun } from './followed-run.ts';

type Options = {
  readonly connection: Connection;
  readonly namespaces: readonly string[];
  /** Called for each run of the first list, and after each change or deletion, with its last state. */
  readonly onChange: (run: FollowedRun) => void;
  readonly log: Logger;
};

/** In milliseconds: an ended run whose job has not ended for so long is one that somebody should look at. */
const overdueMs = 300_000;

/** The DockerRuns of the bridge in its namespaces, as the API server has them. */
export class BridgeRuns {
  readonly #caches: ReadonlyMap<string, ListWatch<FollowedRun>>;
  readonly #signAt = new Map<string, number>();

  constructor({ connection, namespaces, onChange, log }: Options) {
    const cacheOf = (namespace: string) => {
      const sign = () => void this.#signAt.set(namespace, performance.now());
      sign();
      return new ListWatch({
        connection,
        path: paths.dockerRuns(namespace),
        labelSelector: bridgeLabel,
        parse: parseFollowedRun,
        onChange,
        log,
        observer: { listed: sign, watching: sign, event: sign, interrupted: sign },
      });
    };
    this.#caches = new Map(namespaces.map((namespace) => [namespace, cacheOf(namespace)]));
  }

  /** Lists and watches until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#caches.values()].map((cache) => cache.run(signal)));
  }

  get synced(): boolean {
    return [...this.#caches.values()].every((cache) => cache.synced);
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
}
