import { sleep } from '../../support/abort.ts';
import { backoffMs } from '../../support/backoff.ts';
import { errorFields, type Logger } from '../../support/log.ts';
import { type FollowedRun, keyOf } from '../runs/followed-run.ts';
import type { OpenJob, OpenJobs } from '../runs/open-jobs.ts';
import type { RunWriter } from '../runs/run-writer.ts';
import type { Follower } from './follower.ts';

/** What to do about the entries of open jobs, decided without I/O. */
export type Upkeep = {
  /** Entries whose run the cache does not have: it was deleted, or the cache does not have it yet. */
  readonly absent: readonly OpenJob[];
  /** The keys of entries that nobody needs any more. */
  readonly over: readonly string[];
  /** Runs with an open job and without an entry. */
  readonly missing: readonly FollowedRun[];
};

type UpkeepInput = {
  readonly jobs: readonly OpenJob[];
  readonly runs: readonly FollowedRun[];
  readonly namespaces: ReadonlySet<string>;
  /** In milliseconds since 1970. */
  readonly now: number;
};

/**
 * In milliseconds. A queue that was taken out of the values may come back; the tokens of Girder's messages are valid for
 * seven days.
 */
export const keepUnwatchedMs = 30 * 86_400_000;

/** In milliseconds: an entry that was lost or never made, such as by an older bridge, exists again after this time. */
const everyMs = 600_000;

const backoff = { firstMs: 1_000, maxMs: 60_000 };

/** A namespace that is not watched says nothing about its runs: their entries stay until their tokens are worthless. */
export function decideUpkeep({ jobs, runs, namespaces, now }: UpkeepInput): Upkeep {
  const runOf = new Map(runs.map((run) => [run.uid, run]));
  const entries = new Set(jobs.map(({ uid }) => uid));
  const isExpired = ({ createdAt }: OpenJob) => now - createdAt > keepUnwatchedMs;
  const isOver = (job: OpenJob) =>
    namespaces.has(job.namespace) ? runOf.get(job.uid)?.isReported === true : isExpired(job);
  return {
    absent: jobs.filter(({ uid, namespace }) => namespaces.has(namespace) && !runOf.has(uid)),
    over: jobs.filter(isOver).map(({ uid }) => uid),
    missing: runs.filter(({ uid, job, isReported }) => job !== undefined && !isReported && !entries.has(uid)),
  };
}

type Options = {
  readonly openJobs: OpenJobs;
  readonly runs: RunWriter;
  /** The runs that the cache has. */
  readonly cached: () => readonly FollowedRun[];
  /** The namespaces whose runs the cache has. */
  readonly namespaces: () => ReadonlySet<string>;
  readonly follower: Pick<Follower, 'adopt' | 'keep'>;
  /** The time of the API server, in milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Logger;
};

/** Compares the open jobs with the runs, at the beginning of a term and from time to time: what nobody saw is seen here. */
export class OpenJobUpkeep {
  readonly #options: Options;
  #wake = new AbortController();

  constructor(options: Options) {
    this.#options = options;
  }

  /** Compares them without waiting for the next time. */
  compareNow(): void {
    this.#wake.abort();
  }

  /** Works until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted;) {
      this.#wake = new AbortController();
      const error = await this.#compare(signal).then(
        () => undefined,
        (failure: unknown) => failure ?? new Error('unknown'),
      );
      if (error !== undefined && !signal.aborted)
        this.#options.log.warn(errorFields(error), 'cannot compare the open Girder jobs with the runs');
      const waitMs = error === undefined ? everyMs : backoffMs(failures, backoff);
      await sleep(waitMs, AbortSignal.any([signal, this.#wake.signal])).catch(() => undefined);
      failures = error === undefined ? 0 : failures + 1;
    }
  }

  async #compare(signal: AbortSignal): Promise<void> {
    const { openJobs, runs, cached, namespaces, follower, now, log } = this.#options;
    const { jobs, unreadable } = await openJobs.list();
    const { absent, over, missing } = decideUpkeep({
      jobs,
      runs: cached(),
      namespaces: namespaces(),
      now: now(),
    });
    if (unreadable.length > 0)
      log.warn({ count: unreadable.length }, 'removing entries that are no open jobs');
    await Promise.all([...unreadable, ...over].map((uid) => openJobs.remove(uid)));
    for (const run of missing) follower.keep(run);
    for (const job of absent) {
      // The cache may be late: a job must never be ended whose run exists.
      if (await runs.isStored(job, signal)) continue;
      log.info({ run: keyOf(job) }, 'a run with an open Girder job was deleted');
      follower.adopt(job);
    }
  }
}
