import { isDeepStrictEqual } from 'node:util';
import type { Report } from '../../api/report.ts';
import { type Clock, realClock } from '../../runtime/clock.ts';
import { KeyedQueue, type Next } from '../../runtime/queue.ts';
import { deadline } from '../../support/abort.ts';
import type { AskWorker } from './ask-worker.ts';
import { hasEnded, type Heard } from './heard.ts';
import type { ObservedPod } from './observed.ts';

const answerMs = 1_000;
const concurrentQuestions = 32;
/** All workers together are asked at most this often: each of many has to wait longer. */
const questionsPerSecond = 200;

/** When a worker is asked first after it started, and how often then: what a target does is mostly nothing new. */
const firstMs = 300;
const intervalsMs = { busy: 1_000, running: 4_000 } as const;

/** When a worker is asked again that told its end and waits for nothing but that: longer than it waits. */
const afterTheEndMs = 30_000;

/** A worker that left so many questions without an answer says nothing any more. */
const mostMisses = 3;

/** The least time between two wake-ups of a run for mere progress; a little more than between two writes of it. */
const progressMs = 5_200;

/** How workers are asked, and whom their news wakes. */
export type WorkerPollerOptions = {
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
  told: Report;
  toldAt: number;
};

/**
 * Asks the workers of running pods for their reports, outside of the reconcile loop: a run is woken only when its worker
 * says something else. A worker that told its end is asked once more only when that is stored, since that lets it end.
 */
export class WorkerPoller implements Heard {
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
      ...{ handle, concurrency: concurrentQuestions },
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

  /** What the worker of a pod said last, as long as it answers; its end also after that. */
  reportOf(podUid: string): Report | undefined {
    const worker = this.#workers.get(podUid);
    if (worker === undefined) return undefined;
    return worker.misses < mostMisses || hasEnded(worker.report) ? worker.report : undefined;
  }

  /** Lets a worker end whose end is stored now. */
  stored(podUid: string): void {
    if (this.#workers.has(podUid)) this.#queue.add(podUid);
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
    const told: Report = { phase: 'Preparing' };
    this.#workers.set(uid, {
      ...{ key, runUid, told, toldAt: this.#clock.now() },
      ...{ report: undefined, misses: 0 },
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
    if (worker.misses === mostMisses && !hasEnded(worker.report)) {
      const { phase, target } = worker.told;
      // Its progress is no longer of this moment.
      worker.told = { ...(phase && { phase }), ...(target && { target }) };
      this.#options.onNews(worker.runUid);
    }
    return { kind: 'retry', error: undefined };
  }

  #tell(worker: Worker, said: Report): void {
    const now = this.#clock.now();
    if (!isNews(worker.told, said)) {
      if (now - worker.toldAt < progressMs || isDeepStrictEqual(worker.told, said)) return;
    }
    Object.assign(worker, { told: said, toldAt: now });
    this.#options.onNews(worker.runUid);
  }

  #intervalMs(said: Report): number {
    if (hasEnded(said)) return afterTheEndMs;
    const usual = said.phase === 'Running' ? intervalsMs.running : intervalsMs.busy;
    const atMost = (this.#workers.size * 1000) / questionsPerSecond;
    return Math.max(usual, atMost) * (0.9 + Math.random() * 0.2);
  }
}

function isNews(before: Report, after: Report): boolean {
  return before.phase !== after.phase || !isDeepStrictEqual(before.target, after.target);
}

type AskablePod = ObservedPod & { readonly podIP: string };

function isAskable(pod: ObservedPod): pod is AskablePod {
  return pod.worker.kind === 'running' && pod.podIP !== undefined;
}
