import { isDeepStrictEqual } from 'node:util';
import { progressPort } from '../../../api/names.ts';
import { maxWindowBytes, parsePlannerReport, type PlannerReport } from '../../../api/set/window.ts';
import { type Clock, realClock } from '../../../runtime/clock.ts';
import { KeyedQueue, type Next } from '../../../runtime/queue.ts';
import { deadline } from '../../../support/abort.ts';
import { backoffMs } from '../../../support/backoff.ts';
import { askPod } from '../../observe/pod-question.ts';
import type { PlannerPod, PlannerQuestion } from './observed-set.ts';

/** The reports of planners, which the controller reads over HTTP as it reads those of workers. */

const timeoutMs = 2_000;
const firstMs = 300;

/** The interval of the questions while something waits for the answer, and else. */
const intervalsMs = { urgent: 1_000, quiet: 10_000 } as const;

/** The waits between questions to a planner that does not answer. */
const silentMs = { firstMs: 1_000, maxMs: 30_000 } as const;

/** After as many failed questions in a row, the last report does not count any more. */
const maxMisses = 5;

/** Questions at once: each answer may have 512 KiB. */
const concurrency = 16;

type Asked = Pick<PlannerQuestion, 'after' | 'isDone'>;

export type AskPlanner = (
  pod: { readonly podIP: string; readonly uid: string },
  question: Asked,
  signal: AbortSignal,
) => Promise<PlannerReport | undefined>;

type PlannerPollerOptions = {
  readonly ask: AskPlanner;
  /** The pod that the cache has at `<namespace>/<name>`. */
  readonly podAt: (key: string) => PlannerPod | undefined;
  /** Called when the report of a planner has changed, or does not count any more. */
  readonly onChange: (pod: { readonly namespace: string; readonly setUid: string }) => void;
  readonly clock?: Clock;
};

type Planner = {
  readonly key: string;
  readonly namespace: string;
  readonly setUid: string;
  question: Asked;
  isUrgent: boolean;
  report: PlannerReport | undefined;
  misses: number;
};

/** Asks the planners of running pods, each with what its set has started so far. */
export class PlannerPoller {
  readonly #options: PlannerPollerOptions;
  readonly #signal = new AbortController();
  readonly #queue: KeyedQueue;
  /** By the uid of the pod. */
  readonly #planners = new Map<string, Planner>();

  constructor(options: PlannerPollerOptions) {
    this.#options = options;
    const clock = options.clock ?? realClock;
    const handle = (uid: string) => this.#poll(uid);
    this.#queue = new KeyedQueue({ handle, concurrency, backoff: silentMs, clock });
  }

  get size(): number {
    return this.#planners.size;
  }

  /** Starts to ask the planner of a pod that was added or updated, if it runs. */
  podChanged(pod: PlannerPod): void {
    if (!isReachable(pod) || this.#planners.has(pod.uid)) return;
    this.#planners.set(pod.uid, {
      key: `${pod.namespace}/${pod.name}`,
      ...{ namespace: pod.namespace, setUid: pod.setUid },
      ...{ question: { after: 0, isDone: false }, isUrgent: true, report: undefined, misses: 0 },
    });
    this.#queue.addAfter(pod.uid, firstMs);
  }

  /** The last report of a planner; undefined if there is none yet or the planner does not answer. */
  reportOf(podUid: string): PlannerReport | undefined {
    const planner = this.#planners.get(podUid);
    return planner !== undefined && planner.misses < maxMisses ? planner.report : undefined;
  }

  /** What to ask from now on. The number of inputs with a chunk never falls, whatever a stale cache says. */
  ask({ podUid, after, isDone, isUrgent }: PlannerQuestion): void {
    const planner = this.#planners.get(podUid);
    if (planner === undefined) return;
    const isNews = after > planner.question.after || isDone !== planner.question.isDone;
    planner.question = { after: Math.max(after, planner.question.after), isDone };
    const isSooner = isUrgent && (!planner.isUrgent || isNews);
    planner.isUrgent = isUrgent;
    if (isSooner && planner.misses === 0) this.#queue.addAfter(podUid, isNews ? firstMs : intervalsMs.urgent);
  }

  async stop(): Promise<void> {
    this.#signal.abort(new Error('the controller has stopped asking planners'));
    await this.#queue.stop(timeoutMs);
    this.#planners.clear();
  }

  async #poll(uid: string): Promise<Next> {
    const planner = this.#planners.get(uid);
    const pod = planner && this.#options.podAt(planner.key);
    if (planner === undefined || pod?.uid !== uid || !isReachable(pod)) {
      this.#planners.delete(uid);
      if (planner !== undefined) this.#options.onChange(planner);
      return { kind: 'done' };
    }
    const signal = deadline(timeoutMs, this.#signal.signal);
    const report = await this.#options.ask(pod, planner.question, signal);
    const milliseconds = this.#answered(planner, report);
    return { kind: 'requeueAfter', milliseconds };
  }

  /** Keeps an answer; returns the milliseconds until the next question. */
  #answered(planner: Planner, report: PlannerReport | undefined): number {
    if (report === undefined) {
      planner.misses += 1;
      if (planner.misses === maxMisses) this.#options.onChange(planner);
      return backoffMs(planner.misses - 1, silentMs);
    }
    const isChanged = planner.misses >= maxMisses || !isDeepStrictEqual(planner.report, report);
    planner.misses = 0;
    planner.report = report;
    if (isChanged) this.#options.onChange(planner);
    return planner.isUrgent ? intervalsMs.urgent : intervalsMs.quiet;
  }
}

type ReachablePod = PlannerPod & { readonly podIP: string };

function isReachable(pod: PlannerPod): pod is ReachablePod {
  return pod.worker.kind === 'running' && pod.podIP !== undefined && pod.jobUid !== undefined;
}

/** Asks planners at their endpoint; any failure counts as no answer. */
export const askPlanner: AskPlanner = async ({ podIP, uid }, { after, isDone }, signal) => {
  const path = `/${uid}?after=${after}&done=${isDone ? 1 : 0}`;
  const text = await askPod({ podIP, port: progressPort, path, maxBytes: maxWindowBytes }, signal);
  return text === undefined ? undefined : parsePlannerReport(text, uid);
};
