import { KeyedQueue, type Next } from '../../runtime/queue.ts';
import { type FollowedRun, keyOf } from '../runs/followed-run.ts';
import { secretAfterMs } from './decide-follow.ts';

type Options = {
  /** The run as the cache has it; undefined when it was deleted. */
  readonly runAt: (key: string) => FollowedRun | undefined;
  /** The token of the run's Girder job; undefined while its Secret does not exist. */
  readonly readToken: (run: FollowedRun) => Promise<string | undefined>;
  /** The time of the API server, in milliseconds since 1970. */
  readonly now: () => number;
};

/** A run whose job is open, with what nobody can find once it was deleted. */
type Known = { run: FollowedRun; readonly token: string; deletedAt: number | undefined };

/** In milliseconds: longer than a replica needs to lead after the end of another one. */
export const keepDeletedMs = 600_000;

/** How many runs that were deleted are kept; beyond that, the newest is not. */
export const mostDeleted = 1_000;

const concurrency = 2;
const backoff = { firstMs: 1_000, maxMs: 60_000 };

/**
 * Every replica keeps the tokens of open Girder jobs: when a run is deleted while none leads, its Secret is deleted
 * with it, and the replica that leads next can still end its job.
 */
export class JobMemory {
  readonly #options: Options;
  readonly #known = new Map<string, Known>();
  readonly #queue: KeyedQueue;

  constructor(options: Options) {
    this.#options = options;
    this.#queue = new KeyedQueue({ handle: (key) => this.#handle(key), concurrency, backoff });
  }

  get size(): number {
    return this.#known.size;
  }

  /** Call for each run of the cache, and after each change or deletion. */
  changed(key: string): void {
    this.#queue.add(key);
  }

  /** From memory, or from its Secret. */
  async tokenOf(run: FollowedRun): Promise<string | undefined> {
    const known = this.#known.get(keyOf(run));
    if (known?.run.uid === run.uid) return known.token;
    const token = await this.#options.readToken(run);
    if (token !== undefined && isOpen(this.#options.runAt(keyOf(run)), run))
      this.#known.set(keyOf(run), { run, token, deletedAt: undefined });
    return token;
  }

  /** Runs that were deleted a while ago, and whose jobs may still be open. */
  deleted(): { readonly run: FollowedRun; readonly token: string; readonly deletedAt: number }[] {
    return [...this.#known.values()].flatMap(({ run, token, deletedAt }) =>
      deletedAt === undefined ? [] : [{ run, token, deletedAt }],
    );
  }

  async stop(): Promise<void> {
    await this.#queue.stop(1_000);
  }

  async #handle(key: string): Promise<Next> {
    const [run, known] = [this.#options.runAt(key), this.#known.get(key)];
    if (known !== undefined && known.run.uid !== run?.uid) return this.#keepDeleted(key, known);
    if (run === undefined) return { kind: 'done' };
    if (isOpen(run, run)) return this.#remember(run, known);
    this.#known.delete(key);
    return { kind: 'done' };
  }

  #keepDeleted(key: string, known: Known): Next {
    const now = this.#options.now();
    const hasRoom = known.deletedAt !== undefined || this.deleted().length < mostDeleted;
    known.deletedAt ??= now;
    const left = known.deletedAt + keepDeletedMs - now;
    if (left > 0 && hasRoom) return { kind: 'requeueAfter', milliseconds: left };
    this.#known.delete(key);
    // There may be another run of this name.
    return { kind: 'requeueAfter', milliseconds: 1 };
  }

  async #remember(run: FollowedRun, known: Known | undefined): Promise<Next> {
    if (known !== undefined) {
      known.run = run;
      return { kind: 'done' };
    }
    const age = this.#options.now() - run.createdAt;
    if (age < secretAfterMs) return { kind: 'requeueAfter', milliseconds: secretAfterMs - age };
    if ((await this.tokenOf(run)) !== undefined || age > keepDeletedMs) return { kind: 'done' };
    // A message that comes again makes the Secret.
    return { kind: 'retry', error: new Error('the Secret does not exist yet') };
  }
}

/** Whether it is the same run, with a job that has not ended as far as the bridge knows. */
function isOpen(stored: FollowedRun | undefined, run: FollowedRun): boolean {
  return stored !== undefined && stored.uid === run.uid && stored.job !== undefined && !stored.isReported;
}
