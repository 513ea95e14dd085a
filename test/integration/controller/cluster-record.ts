import { labels } from '../../../src/api/names.ts';
import { ListWatch } from '../../../src/kube/list-watch.ts';
import { paths } from '../../../src/kube/paths.ts';
import { parseObjectMeta, recordAt, textAt } from '../../../src/kube/json.ts';
import { createLogger } from '../../../src/support/log.ts';
import type { KubeClient } from '../../fixtures/kube-client.ts';

/** One state of an object, as it was stored; `isGone` for the last one, when it was deleted. */
export type State = {
  readonly uid: string;
  readonly name: string;
  readonly object: unknown;
  isGone: boolean;
};

const kinds = {
  runs: paths.dockerRuns(),
  jobs: paths.jobs(),
  pods: paths.pods(),
  events: paths.events(),
} as const;
type Kind = keyof typeof kinds;

/** Every state that DockerRuns, Jobs, pods and Events of an API server had since this began, in their order. */
export class ClusterRecord implements AsyncDisposable {
  readonly #caches: Readonly<Record<Kind, ListWatch<State>>>;
  /** By kind and by the uid of the run that they are, or are of. */
  readonly #history = new Map<string, State[]>();
  readonly #stop = new AbortController();
  readonly #watching: Promise<unknown>;

  constructor(client: KubeClient) {
    const cacheOf = (kind: Kind) => this.#cache(client, kind);
    this.#caches = {
      ...{ runs: cacheOf('runs'), jobs: cacheOf('jobs') },
      ...{ pods: cacheOf('pods'), events: cacheOf('events') },
    };
    const all = Object.values(this.#caches);
    this.#watching = Promise.all(all.map((cache) => cache.run(this.#stop.signal)));
  }

  /** The DockerRun of a namespace as it is now. */
  run(namespace: string, name: string): unknown {
    return this.#caches.runs.get(`${namespace}/${name}`)?.object;
  }

  /** Every state that a run had, first to last. */
  statesOf(runUid: string): readonly State[] {
    return this.#history.get(`runs ${runUid}`) ?? [];
  }

  /** Every state that the pods of a run had, first to last. */
  historyOf(kind: 'pods', runUid: string): readonly State[] {
    return this.#history.get(`${kind} ${runUid}`) ?? [];
  }

  /** The last states of the Jobs or pods that a run ever had, or of the Events about it. */
  everOf(kind: 'jobs' | 'pods' | 'events', runUid: string): State[] {
    const states = this.#history.get(`${kind} ${runUid}`) ?? [];
    return [...new Map(states.map((state) => [state.uid, state])).values()];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#watching;
  }

  #cache(client: KubeClient, kind: Kind): ListWatch<State> {
    const cache: ListWatch<State> = new ListWatch<State>({
      connection: client.connection,
      path: kinds[kind],
      parse: (object) => {
        const { uid, name } = parseObjectMeta(object);
        return { uid, name, object, isGone: false };
      },
      onChange: (state) => {
        const { key } = parseObjectMeta(state.object);
        const noted = { ...state, isGone: cache.get(key)?.uid !== state.uid };
        const of = `${kind} ${runUidOf(kind, noted)}`;
        this.#history.set(of, [...(this.#history.get(of) ?? []), noted]);
      },
      log: createLogger('silent', { write: () => undefined }),
    });
    return cache;
  }
}

function runUidOf(kind: Kind, { uid, object }: State): string | undefined {
  switch (kind) {
    case 'runs':
      return uid;
    case 'events':
      return textAt(recordAt(object, 'involvedObject'), 'uid');
    case 'jobs':
    case 'pods':
      return textAt(recordAt(recordAt(object, 'metadata'), 'labels'), labels.runUid);
  }
}
