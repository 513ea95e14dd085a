import type { DockerRunStatus } from '../../../src/api/status.ts';
import type { Connection } from '../../../src/kube/connection.ts';
import { ListWatch } from '../../../src/kube/list-watch.ts';
import { paths } from '../../../src/kube/paths.ts';
import { parseObjectMeta, recordAt } from '../../../src/kube/json.ts';
import { createLogger } from '../../../src/support/log.ts';

/** Later phases have higher numbers; those that end a run have the highest, together. */
const order: Record<string, number> = { Pending: 1, Preparing: 2, Running: 3, Uploading: 4 };
const last = 5;

type Seen = { readonly name: string; readonly status: DockerRunStatus };

/** Every status that the runs of an API server had since this began, in the order in which they were stored. */
export class StatusHistory implements AsyncDisposable {
  readonly #seen: Seen[] = [];
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>;

  constructor(connection: Connection) {
    const cache = new ListWatch<Seen>({
      connection,
      path: paths.dockerRuns(),
      parse: (object) => ({
        name: parseObjectMeta(object).name,
        status: recordAt(object, 'status'),
      }),
      onChange: (seen) => void this.#seen.push(seen),
      log: createLogger('silent', { write: () => undefined }),
    });
    this.#watching = cache.run(this.#stop.signal);
  }

  of(name: string): DockerRunStatus[] {
    return this.#seen.filter((seen) => seen.name === name).map(({ status }) => status);
  }

  /** What was taken back: a phase, a time or a name that was told and then another. */
  get flaps(): string[] {
    return [...new Set(this.#seen.map(({ name }) => name))].flatMap((name) => flapsIn(name, this.of(name)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#watching;
  }
}

function flapsIn(name: string, history: readonly DockerRunStatus[]): string[] {
  return history.flatMap((now, index) => {
    const before = history[index - 1];
    if (before === undefined) return [];
    const isBack = place(now) < place(before) || (place(before) === last && now.phase !== before.phase);
    const fields = ['jobName', 'podName', 'startTime', 'completionTime'] as const;
    const changed = fields.filter((field) => before[field] !== undefined && now[field] !== before[field]);
    return isBack || changed.length > 0 ? [`${name}: ${sayOf(before)} → ${sayOf(now)}`] : [];
  });
}

function sayOf({ phase, message, startTime, completionTime }: DockerRunStatus): string {
  return `${phase} (${message}; ${startTime} to ${completionTime})`;
}

function place({ phase }: DockerRunStatus): number {
  return phase === undefined ? 0 : (order[phase] ?? last);
}
