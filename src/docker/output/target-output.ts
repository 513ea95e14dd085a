import type { Readable } from 'node:stream';
import { settledWithin } from '../../support/abort.ts';
import { type CallLimits, engineStream } from '../engine-call.ts';
import type { Engine } from '../engine.ts';
import { OutputPump, type OutputSinks } from './output-pump.ts';

/** The target's output over its whole life, which an engine that restarts under a live target may interrupt. */
export class TargetOutput {
  readonly #engine: Engine;
  readonly #id: string;
  readonly #sinks: OutputSinks;
  #pump: OutputPump;
  #hasEnded = false;
  readonly #stderrHead: () => string;

  private constructor(engine: Engine, id: string, sinks: OutputSinks, pump: OutputPump) {
    this.#engine = engine;
    this.#id = id;
    this.#sinks = sinks;
    this.#pump = pump;
    this.#stderrHead = () => pump.stderrHead;
    this.#note(pump);
  }

  /** Attaches before the start: from here on nothing the target says is lost. */
  static async attach(
    engine: Engine,
    id: string,
    sinks: OutputSinks,
    limits: CallLimits,
  ): Promise<TargetOutput> {
    const source = await attachOutput(engine, id, limits);
    return new TargetOutput(engine, id, sinks, new OutputPump(source, sinks));
  }

  /** Settles when the first stream of it ends, whatever ended it. */
  get ended(): Promise<boolean> {
    return this.#pump.done;
  }

  /** The beginning of stderr. */
  get stderrHead(): string {
    return this.#stderrHead();
  }

  /** Goes on after the engine was away; what the target said meanwhile may be lost. */
  async resume(limits: CallLimits): Promise<void> {
    if (!this.#hasEnded) return;
    this.#hasEnded = false;
    this.#pump = new OutputPump(await attachOutput(this.#engine, this.#id, limits), this.#sinks);
    this.#note(this.#pump);
  }

  /** Waits for the rest once the target ended; true when every byte that came was delivered. */
  async finish(draining: Draining): Promise<boolean> {
    const wasHeld = this.#pump.isHeld;
    return (await drain(this.#pump, draining)) && !wasHeld;
  }

  /** Gives the rest up. */
  abort(): void {
    this.#pump.abort();
  }

  #note(pump: OutputPump): void {
    void pump.done.then(() => {
      this.#hasEnded = true;
    });
  }
}

/**
 * Attaches to the output of a container. When this resolves the engine has confirmed it, so nothing a later start
 * makes the target say is lost. `hijack` makes it a connection upgrade: docker-modem then puts back the bytes that
 * came with the response's head, which the plain response path of older engines loses.
 */
async function attachOutput(engine: Engine, id: string, limits: CallLimits): Promise<Readable> {
  const container = engine.docker.getContainer(id);
  return engineStream(limits, (abortSignal) => {
    const options = { hijack: true, abortSignal, _query: { stream: 1, stdout: 1, stderr: 1 }, _body: {} };
    return container.attach(options);
  });
}

/** How long the rest of the output may take once the target ended, in milliseconds. */
type DrainBounds = {
  /** Without a single byte moving. */
  readonly idleMs: number;
  /** In all; absent means as long as it moves. */
  readonly totalMs?: number;
};

/** The bounds that hold usually, and those that hold from the moment on that `cancel` aborts. */
type Draining = {
  readonly usual: DrainBounds;
  readonly hurried: DrainBounds;
  readonly cancel: AbortSignal;
};

/**
 * Waits for the output's end. A sink that stands still is left after `idleMs`, so that nothing which happens to
 * the output can hold up or decide the run. True when all of it was delivered.
 */
async function drain(pump: OutputPump, { usual, hurried, cancel }: Draining): Promise<boolean> {
  let isComplete = cancel.aborted ? undefined : await watchDone(pump, usual, cancel);
  if (isComplete === undefined && cancel.aborted) isComplete = await watchDone(pump, hurried);
  if (isComplete !== undefined) return isComplete;
  pump.abort();
  return pump.done;
}

/** What the pump ends with, or undefined when the bounds or the signal were first. */
async function watchDone(
  pump: OutputPump,
  { idleMs, totalMs = Infinity }: DrainBounds,
  signal?: AbortSignal,
): Promise<boolean | undefined> {
  const giveUpAt = Date.now() + totalMs;
  for (;;) {
    const before = pump.progress;
    const isComplete = await settledWithin(pump.done, Math.min(idleMs, giveUpAt - Date.now()), signal);
    if (isComplete !== undefined || signal?.aborted === true) return isComplete;
    if (pump.progress === before || Date.now() >= giveUpAt) return undefined;
  }
}
