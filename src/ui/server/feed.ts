import type { Connection } from '../../kube/connection.ts';
import { ListWatch, type ListWatchObserver } from '../../kube/list-watch.ts';
import { paths } from '../../kube/paths.ts';
import type { Logger } from '../../support/log.ts';
import type { RunSummary, SetPoint, SetSummary, Update } from '../ui-messages.ts';
import { rateOf, summaryOfRun, summaryOfSet } from './summaries.ts';

/** Objects in one update, so that a page with 10,000 runs draws the first of them at once. */
const maxInUpdate = 1_000;

/** The points of a set; when they are full, every second one is dropped, so that the whole time stays visible. */
const maxPoints = 240;

/** Sets whose points are kept. */
const maxHistories = 200;

type Watched = { readonly set: SetSummary; readonly itemsPerHour: number };

/**
 * The DockerRuns and DockerRunSets that the user may see, from one list and watch of each kind, however many pages are
 * open.
 */
export class Feed {
  readonly namespace: string | undefined;
  readonly #runs: ListWatch<RunSummary>;
  readonly #sets: ListWatch<Watched>;
  readonly #readers = new Set<Reader>();
  /** By the key of the set. */
  readonly #points = new Map<string, SetPoint[]>();

  /** @param namespace the only one to watch; undefined for all */
  constructor(connection: Connection, namespace: string | undefined, log: Logger) {
    this.namespace = namespace;
    const observer: ListWatchObserver = {
      listed: () => this.#wake(),
      watching: () => this.#wake(),
      event: () => undefined,
      interrupted: () => this.#wake(),
    };
    this.#runs = new ListWatch({
      ...{ connection, path: paths.dockerRuns(namespace), log, observer },
      parse: summaryOfRun,
      onChange: ({ key }) => this.#changed('runs', key),
    });
    this.#sets = new ListWatch({
      ...{ connection, path: paths.sets(namespace), log, observer },
      parse: (object) => ({ ...{ set: summaryOfSet(object), itemsPerHour: rateOf(object) } }),
      onChange: ({ set, itemsPerHour }) => {
        this.#record(set, itemsPerHour);
        this.#changed('sets', set.key);
      },
    });
  }

  /** Watches until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#runs.run(signal), this.#sets.run(signal)]);
  }

  /** How a set went since the program started, oldest first. */
  pointsOf(key: string): readonly SetPoint[] {
    return this.#points.get(key) ?? [];
  }

  /** A reader of all objects and then of every change; `close` it at the end. */
  open(onChange: () => void): Reader {
    const reader = new Reader(onChange, () => this.#readers.delete(reader));
    for (const { key } of this.#runs.values()) reader.runs.add(key);
    for (const { set } of this.#sets.values()) reader.sets.add(set.key);
    this.#readers.add(reader);
    return reader;
  }

  /** The next update for a reader, of at most 1,000 objects; undefined if there is nothing new. */
  next(reader: Reader): Update | undefined {
    const isLive = this.#runs.connected && this.#sets.connected;
    if (reader.runs.size + reader.sets.size === 0 && reader.sawLive === isLive && reader.isComplete)
      return undefined;
    const [sets, goneSets] = taken(reader.sets, maxInUpdate, (key) => this.#sets.get(key)?.set);
    const room = maxInUpdate - sets.length - goneSets.length;
    const [runs, goneRuns] = taken(reader.runs, room, (key) => this.#runs.get(key));
    reader.sawLive = isLive;
    const isSynced = this.#runs.synced && this.#sets.synced;
    reader.isComplete ||= isSynced && reader.runs.size + reader.sets.size === 0;
    const { isComplete } = reader;
    return { runs, sets, goneRuns, goneSets, isComplete, isLive, namespace: this.namespace };
  }

  #changed(kind: 'runs' | 'sets', key: string): void {
    for (const reader of this.#readers) {
      reader[kind].add(key);
      reader.wake();
    }
  }

  #wake(): void {
    for (const reader of this.#readers) reader.wake();
  }

  #record({ key, counts }: SetSummary, itemsPerHour: number): void {
    const points = this.#points.get(key) ?? [];
    points.push({ at: Date.now(), counts, itemsPerHour });
    const kept = points.length < maxPoints ? points : points.filter((_, index) => index % 2 === 0);
    this.#points.set(key, kept);
    const [oldest] = this.#points.keys();
    if (this.#points.size > maxHistories && oldest !== undefined) this.#points.delete(oldest);
  }
}

/** What one page has not received yet. A key is in a set once, however often its object changes meanwhile. */
export class Reader {
  readonly runs = new Set<string>();
  readonly sets = new Set<string>();
  /** What the last update said; undefined before the first one. */
  sawLive: boolean | undefined;
  isComplete = false;
  readonly wake: () => void;
  readonly close: () => void;

  constructor(wake: () => void, close: () => void) {
    this.wake = wake;
    this.close = close;
  }
}

/** Removes at most `count` keys, and returns their objects and the keys that no longer have one. */
function taken<T>(keys: Set<string>, count: number, find: (key: string) => T | undefined): [T[], string[]] {
  const [found, gone]: [T[], string[]] = [[], []];
  for (const key of [...keys].slice(0, count)) {
    keys.delete(key);
    const object = find(key);
    if (object === undefined) gone.push(key);
    else found.push(object);
  }
  return [found, gone];
}
