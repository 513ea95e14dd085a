import { isDeepStrictEqual } from 'node:util';
import { maxReportBytes, parseServedReport, podOutlook, type Report } from '../../api/report.ts';
import { type Clock, realClock } from '../../runtime/clock.ts';
import { KeyedQueue, type Next } from '../../runtime/queue.ts';
import { deadline } from '../../support/abort.ts';
import { backoffMs } from '../../support/backoff.ts';
import type { ObservedPod } from './observed.ts';
import { askPod } from './pod-question.ts';

/** The reports of running workers, which the controller reads over HTTP. */

const timeoutMs = 1_000;
/** Requests at once to workers that answered last time, and to those that did not, or never did yet. */
const concurrentRequests = { answering: 32, silent: 64 } as const;
/** The limit for all workers that answer; the more of them there are, the less often each is asked. */
const requestsPerSecond = 200;

/** The delay of the first request, and the interval of the others; a running target seldom changes. */
const firstMs = 300;
const intervalsMs = { busy: 1_000, running: 4_000 } as const;

/** The waits between questions to a worker that does not answer: seconds first, then minutes. */
const silentMs = { firstMs: 1_000, maxMs: 300_000 } as const;

/** After as many failed requests in a row, the last report of a worker does not count any more. */
const maxMisses = 3;

/** The least time before a run is woken for progress again; a little more than between two writes of it. */
const progressMs = 5_200;

type WorkerPollerOptions = {
  ask: AskWorker;
  /** Returns the pod that the cache has at `<namespace>/<name>`. */
  podAt: (key: string) => ObservedPod | undefined;
  /** Whether the Job replaces a pod whose worker is stopped now. */
  willBeReplaced?: (pod: ObservedPod) => boolean;
  /** Called with the uid of the run when the report of its worker has changed. */
  onChange: (runUid: string) => void;
  /** Called with the `<namespace>/<name>` of a pod when its worker stops answering, or never has answered. */
  onUnreachable?: (key: string) => void;
  clock?: Clock;
};

/** What is known of a worker; times are milliseconds of the clock. */
type Worker = {
  /** `<namespace>/<name>` of the pod. */
  readonly key: string;
  readonly runUid: string;
  report: Report | undefined;
  /** Whether it answered the last question. */
  isAnswering: boolean;
  misses: number;
  /** The report that the run was last woken for, and when. */
  notifiedReport: Report;
  notifiedAt: number;
};

/**
 * Asks the workers of running pods for their reports; wakes a run only when its worker's report changes. A
 * worker that does not answer waits in a queue of its own kind, so that a namespace whose NetworkPolicy forbids
 * the questions, or a node that is away, delays no answer of the others.
 */
export class WorkerPoller {
  readonly #options: WorkerPollerOptions;
  readonly #clock: Clock;
  readonly #signal: AbortController = new AbortController();
  /** Each worker is in one of them. */
  readonly #lanes: Readonly<Record<keyof typeof concurrentRequests, KeyedQueue>>;
  /** By the uid of the pod. */
  readonly #workers = new Map<string, Worker>();

  /** How many workers answered the last question. */
  #answering = 0;

  constructor(options: WorkerPollerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? realClock;
    const lane = (concurrency: number) =>
      new KeyedQueue({
        handle: (uid) => this.#poll(uid),
        concurrency,
        backoff: silentMs,
        clock: this.#clock,
      });
    const { answering, silent } = concurrentRequests;
    this.#lanes = { answering: lane(answering), silent: lane(silent) };
  }

  get size(): number {
    return this.#workers.size;
  }

  /** Starts to ask the workers that run already, spread over time. */
  start(pods: readonly ObservedPod[]): void {
    const running = pods.filter(isReachable);
    running.forEach((pod, index) => this.#add(pod, firstMs + (index * 1000) / requestsPerSecond));
  }

  /** Starts to ask the worker of a pod that was added or updated, if it runs. */
  podChanged(pod: ObservedPod): void {
    if (!isReachable(pod)) return;
    const worker = this.#workers.get(pod.uid);
    if (worker === undefined) this.#add(pod, firstMs);
    // It waits to learn whether its run continues; by then, the caches have what stopped it.
    else if (pod.deletionTimestamp !== undefined)
      this.#lanes[worker.isAnswering ? 'answering' : 'silent'].addAfter(pod.uid, firstMs);
  }

  /** The last report of a pod's worker; undefined if there is none yet or the worker does not answer. */
  reportOf(podUid: string): Report | undefined {
    const worker = this.#workers.get(podUid);
    return worker !== undefined && worker.misses < maxMisses ? worker.report : undefined;
  }

  /** How many workers did not answer the last questions. */
  get unreachable(): number {
    return [...this.#workers.values()].filter(({ misses }) => misses >= maxMisses).length;
  }

  async stop(): Promise<void> {
    this.#signal.abort(new Error('the controller has stopped asking workers'));
    const { answering, silent } = this.#lanes;
    await Promise.all([answering.stop(timeoutMs), silent.stop(timeoutMs)]);
    this.#workers.clear();
  }

  #add({ uid, namespace, name, runUid }: ObservedPod, inMs: number): void {
    this.#workers.set(uid, {
      key: `${namespace}/${name}`,
      runUid,
      report: undefined,
      isAnswering: false,
      misses: 0,
      // A run is taken to be preparing until its worker reports something else.
      notifiedReport: { phase: 'Preparing' },
      notifiedAt: this.#clock.now(),
    });
    this.#lanes.silent.addAfter(uid, inMs);
  }

  async #poll(uid: string): Promise<Next> {
    const worker = this.#workers.get(uid);
    const pod = worker && this.#options.podAt(worker.key);
    if (worker === undefined || pod?.uid !== uid || !isReachable(pod)) {
      if (worker !== undefined) this.#answers(worker, false);
      this.#workers.delete(uid);
      return { kind: 'done' };
    }
    const signal = deadline(timeoutMs, this.#signal.signal);
    const isReplaced = this.#options.willBeReplaced?.(pod) ?? false;
    const report = await this.#options.ask(pod, signal, isReplaced);
    this.#answers(worker, report !== undefined);
    if (report === undefined) {
      this.#missed(worker);
      this.#lanes.silent.addAfter(uid, backoffMs(worker.misses - 1, silentMs));
    } else {
      worker.misses = 0;
      worker.report = report;
      this.#notify(worker, report);
      this.#lanes.answering.addAfter(uid, this.#intervalMs(report));
    }
    return { kind: 'done' };
  }

  #answers(worker: Worker, isAnswering: boolean): void {
    this.#answering += Number(isAnswering) - Number(worker.isAnswering);
    worker.isAnswering = isAnswering;
  }

  #missed(worker: Worker): void {
    worker.misses += 1;
    if (worker.misses === maxMisses) {
      this.#options.onUnreachable?.(worker.key);
      const { phase, target } = worker.notifiedReport;
      // Its progress is out of date, so that the next report with progress wakes the run.
      worker.notifiedReport = { ...(phase && { phase }), ...(target && { target }) };
      this.#options.onChange(worker.runUid);
    }
  }

  #notify(worker: Worker, report: Report): void {
    const now = this.#clock.now();
    if (!differs(worker.notifiedReport, report)) {
      const isSame = isDeepStrictEqual(worker.notifiedReport, report);
      if (isSame || now - worker.notifiedAt < progressMs) return;
    }
    worker.notifiedReport = report;
    worker.notifiedAt = now;
    this.#options.onChange(worker.runUid);
  }

  #intervalMs({ phase }: Report): number {
    const usual = phase === 'Running' ? intervalsMs.running : intervalsMs.busy;
    const least = (this.#answering * 1000) / requestsPerSecond;
    return Math.max(usual, least) * (0.9 + Math.random() * 0.2);
  }
}

/** True when a report differs in more than its progress. */
function differs(before: Report, after: Report): boolean {
  return before.phase !== after.phase || !isDeepStrictEqual(before.target, after.target);
}

type ReachablePod = ObservedPod & { readonly podIP: string };

function isReachable(pod: ObservedPod): pod is ReachablePod {
  return pod.worker.kind === 'running' && pod.podIP !== undefined && pod.jobUid !== undefined;
}

/** Asks the worker of a pod for its report; resolves to undefined when the worker does not answer in time. */
type AskWorker = (
  pod: Pick<ReachablePod, 'podIP' | 'uid'>,
  signal: AbortSignal,
  isReplaced?: boolean,
) => Promise<Report | undefined>;

/** Asks workers at their read-only endpoint. Reports are best effort, so any failure counts as no answer. */
export function askWorkerOver(port: number): AskWorker {
  return async ({ podIP, uid }, signal, isReplaced = false) => {
    const headers = { [podOutlook.header]: isReplaced ? podOutlook.replaced : podOutlook.ends };
    const question = { podIP, port, path: `/${uid}`, headers, maxBytes: maxReportBytes };
    const text = await askPod(question, signal);
    return text === undefined ? undefined : parseServedReport(text, uid);
  };
}
