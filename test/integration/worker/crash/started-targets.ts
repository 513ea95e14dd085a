import { createInterface } from 'node:readline';
import { labels } from '../../../../src/api/names.ts';
import type { Engine } from '../../../../src/docker/engine.ts';
import { until } from '../../../fixtures/until.ts';

type Event = {
  readonly Action: string;
  readonly timeNano: number;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
};

/** A namespace never has a `/`. */
const namespaceOf = (run = '') => run.split('/')[0] ?? '';

/** What the engine did with the containers of one run. */
type Containers = {
  created: number;
  destroyed: number;
  atOnce: number;
  attempts: string[];
  /** Milliseconds from the end of each target to the start of the next. */
  idleMs: number[];
};

/** Follows the engine's events, so that no target is missed, however short it is. */
export class StartedTargets implements Disposable {
  readonly #stop: AbortController;
  readonly #running = new Map<string, Set<string>>();
  readonly #runs = new Map<string, Containers>();
  /** By namespace: the attempt and the input of each target. */
  readonly #startsIn = new Map<string, string[]>();
  /** When a target of a run ended last, in nanoseconds since 1970. */
  readonly #endedAt = new Map<string, number>();

  private constructor(stop: AbortController) {
    this.#stop = stop;
  }

  static async follow(engine: Engine): Promise<StartedTargets> {
    const stop = new AbortController();
    const filters = JSON.stringify({ type: ['container'], label: [labels.runUid] });
    const events = await engine.docker.getEvents({ filters, abortSignal: stop.signal });
    const targets = new StartedTargets(stop);
    const lines = createInterface({ input: events });
    lines.on('line', (line) => targets.#add(JSON.parse(line) as Event));
    // It breaks when it is stopped.
    lines.on('error', () => undefined);
    return targets;
  }

  #add({ Action: action, timeNano, Actor: { ID: id, Attributes: attributes } }: Event): void {
    const uid = attributes[labels.runUid] ?? '';
    const run = this.#of(uid);
    const running = this.#running.get(uid) ?? new Set();
    this.#running.set(uid, running);
    if (action === 'create') run.created += 1;
    if (action === 'destroy') run.destroyed += 1;
    if (action === 'die') {
      running.delete(id);
      this.#endedAt.set(uid, timeNano);
    }
    if (action !== 'start') return;
    const before = this.#endedAt.get(uid);
    if (before !== undefined) run.idleMs.push((timeNano - before) / 1e6);
    const namespace = namespaceOf(attributes[labels.run]);
    const start = `attempt ${attributes[labels.attempt]}, input ${attributes[labels.item]}`;
    this.#startsIn.set(namespace, [...(this.#startsIn.get(namespace) ?? []), start]);
    running.add(id);
    run.atOnce = Math.max(run.atOnce, running.size);
    run.attempts.push(attributes[labels.attempt] ?? '');
  }

  #of(runUid: string): Containers {
    const run = this.#runs.get(runUid) ?? { created: 0, destroyed: 0, atOnce: 0, attempts: [], idleMs: [] };
    this.#runs.set(runUid, run);
    return run;
  }

  /** Resolves when a run's target runs. */
  async running(runUid: string): Promise<void> {
    const look = () => this.#running.get(runUid)?.size === 1;
    await until('a target runs', look, { withinMs: 60_000 });
  }

  /** The attempts that have started a target of a run, one for each target, in their order. */
  attemptsOf(runUid: string): readonly string[] {
    return this.#of(runUid).attempts;
  }

  /** A text for each target of a namespace that has started: two of one attempt for one input have the same. */
  startsIn(namespace: string): readonly string[] {
    return this.#startsIn.get(namespace) ?? [];
  }

  /** What is known of a run when all its containers are gone, of which there were at least some. */
  async allOf(runUid: string, { least }: { readonly least: number }): Promise<Readonly<Containers>> {
    const isComplete = ({ created, destroyed, attempts }: Containers) =>
      created === destroyed && attempts.length >= least;
    return until('the events of all containers', () => this.#of(runUid), {
      holds: isComplete,
      withinMs: 60_000,
    });
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }
}
