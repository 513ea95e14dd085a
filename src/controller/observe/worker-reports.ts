import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { mostReportBytes, parseReport, type Report } from '../../api/report.ts';
import { type Clock, realClock } from '../../runtime/clock.ts';
import { KeyedQueue, type Next } from '../../runtime/queue.ts';
import { deadline } from '../../support/abort.ts';
import type { ObservedPod } from './observed.ts';

const answerMs = 1_000;
const concurrentQuestions = 32;
/** All workers together are asked at most this often: each of many has to wait longer. */
const questionsPerSecond = 200;

/** When a worker is asked first after it started, and how often then: what a target does is mostly nothing new. */
const firstMs = 300;
const intervalsMs = { busy: 1_000, running: 4_000 } as const;

/** A worker that left so many questions without an answer says nothing any more. */
const mostMisses = 3;

/** The least time between two wake-ups of a run for mere progress; a little more than between two writes of it. */
const progressMs = 5_200;

/** How workers are asked, and whom their news wakes. */
type WorkerPollerOptions = {
  ask: AskWorker;
  /** The pod that the cache has at `<namespace>/<name>`. */
  podAt: (key: string) => ObservedPod | undefined;
  /** Called with the uid of a run whose worker said something that matters. */
  onNews: (runUid: string) => void;
  clock?: Clock;
};

/** What is known of a worker; times are milliseconds of the clock. */
type Worker = {
  readonly key: string;
  readonly runUid: string;
  report: Report | undefined;
  misses: number;
  /** What its run was woken for last, and when. */
  lastReport: Report;
  toldAt: number;
};

/**
 * Asks the workers of running pods for their reports, outside of the reconcile loop: a run is woken only when its worker
 * says something else.
 */
export class WorkerPoller {
  readonly #options: WorkerPollerOptions;
  readonly #clock: Clock;
  readonly #signal: AbortController = new AbortController();
  readonly #queue: KeyedQueue;
  /** By the uid of the pod. */
  readonly #workers = new Map<string, Worker>();

  constructor(options: WorkerPollerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? realClock;
    const handle = (uid: string) => this.#question(uid);
    this.#queue = new KeyedQueue({
      handle,
      concurrency: concurrentQuestions,
      backoff: { firstMs: 1_000, maxMs: 10_000 },
      clock: this.#clock,
    });
  }

  get size(): number {
    return this.#workers.size;
  }

  /** Begins to ask workers that run already, one after the other. */
  start(pods: readonly ObservedPod[]): void {
    const running = pods.filter(isAskable);
    running.forEach((pod, index) => this.#begin(pod, firstMs + (index * 1000) / questionsPerSecond));
  }

  /** Begins to ask the worker of a pod that came or changed, if it runs. */
  podChanged(pod: ObservedPod): void {
    if (isAskable(pod) && !this.#workers.has(pod.uid)) this.#begin(pod, firstMs);
  }

  /** What the worker of a pod said last, as long as it answers. */
  reportOf(podUid: string): Report | undefined {
    const worker = this.#workers.get(podUid);
    return worker !== undefined && worker.misses < mostMisses ? worker.report : undefined;
  }

  /** Asks nobody any more. */
  async stop(): Promise<void> {
    this.#signal.abort(new Error('the controller asks no more'));
    await this.#queue.stop(answerMs);
    this.#workers.clear();
  }

  #begin({ uid, namespace, name, runUid }: ObservedPod, inMs: number): void {
    const key = `${namespace}/${name}`;
    // What a run is taken for whose worker has said nothing yet.
    const lastReport: Report = { phase: 'Preparing' };
    this.#workers.set(uid, {
      key,
      runUid,
      lastReport,
      toldAt: this.#clock.now(),
      report: undefined,
      misses: 0,
    });
    this.#queue.addAfter(uid, inMs);
  }

  async #question(uid: string): Promise<Next> {
    const worker = this.#workers.get(uid);
    const pod = worker && this.#options.podAt(worker.key);
    if (worker === undefined || pod?.uid !== uid || !isAskable(pod)) {
      this.#workers.delete(uid);
      return { kind: 'done' };
    }
    const signal = deadline(answerMs, this.#signal.signal);
    const answer = await this.#options.ask(pod.podIP, signal);
    if (answer === undefined) return this.#missed(worker);
    worker.misses = 0;
    worker.report = answer;
    this.#tell(worker, answer);
    return { kind: 'requeueAfter', milliseconds: this.#intervalMs(answer) };
  }

  #missed(worker: Worker): Next {
    worker.misses += 1;
    if (worker.misses === mostMisses) {
      const { phase, target } = worker.lastReport;
      // Its progress is no longer of this moment.
      worker.lastReport = { ...(phase && { phase }), ...(target && { target }) };
      this.#options.onNews(worker.runUid);
    }
    return { kind: 'retry', error: undefined };
  }

  #tell(worker: Worker, said: Report): void {
    const now = this.#clock.now();
    if (!differs(worker.lastReport, said)) {
      if (now - worker.toldAt < progressMs || isDeepStrictEqual(worker.lastReport, said)) return;
    }
    worker.lastReport = said;
    worker.toldAt = now;
    this.#options.onNews(worker.runUid);
  }

  #intervalMs(said: Report): number {
    const usual = said.phase === 'Running' ? intervalsMs.running : intervalsMs.busy;
    const atMost = (this.#workers.size * 1000) / questionsPerSecond;
    return Math.max(usual, atMost) * (0.9 + Math.random() * 0.2);
  }
}

function differs(before: Report, after: Report): boolean {
  return before.phase !== after.phase || !isDeepStrictEqual(before.target, after.target);
}

type AskablePod = ObservedPod & { readonly podIP: string };

function isAskable(pod: ObservedPod): pod is AskablePod {
  return pod.worker.kind === 'running' && pod.podIP !== undefined;
}

/** Asks the worker of a pod for its report; gives nothing when it does not answer in time. */
type AskWorker = (podIP: string, signal: AbortSignal) => Promise<Report | undefined>;

/** Asks a worker over its read-only endpoint; progress is best effort, so any failure is no answer. */
export function askWorkerOver(port: number): AskWorker {
  return async (podIP, signal) => {
    try {
      // Not fetch: many workers are asked each second, and what that leaves behind is tens of megabytes.
      const request = get({ host: podIP, port, path: '/', agent: false, signal });
      const [response] = (await once(request, 'response', { signal })) as [IncomingMessage];
      return response.statusCode === 200 ? parseReport(await readText(response)) : undefined;
    } catch {
      return undefined;
    }
  };
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > mostReportBytes) throw new RangeError('the answer is too long for a report');
  }
  return Buffer.concat(chunks).toString('utf8');
}
