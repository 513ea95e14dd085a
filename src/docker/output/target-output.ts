import type { Readable } from 'node:stream';
import { settledWithin } from '../../support/abort.ts';
import { type CallLimits, engineStream } from '../engine-call.ts';
import type { Engine } from '../engine.ts';
import { OutputPump, type OutputSinks } from './output-pump.ts';

/** The target's output over its whole life, which a restart of the engine can interrupt. */
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

  /** Attaches before the start, so that no output of the target is lost. */
  static async attach(
    engine: Engine,
    id: string,
    sinks: OutputSinks,
    limits: CallLimits,
  ): Promise<TargetOutput> {
    const source = await attachOutput(engine, id, limits);
    return new TargetOutput(engine, id, sinks, new OutputPump(source, sinks));
  }

  /** Settles when the current stream ends, for whatever reason. */
  get ended(): Promise<boolean> {
    return this.#pump.done;
  }

  /** Whether the current stream has ended, which before the start of the target means that it is broken. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The first 512 bytes of stderr. */
  get stderrHead(): string {
    return this.#stderrHead();
  }

  /** Attaches again after an interruption of the engine; output in between may be lost. */
  async resume(limits: CallLimits): Promise<void> {
    if (!this.#hasEnded) return;
    this.#hasEnded = false;
    this.#pump = new OutputPump(await attachOutput(this.#engine, this.#id, limits), this.#sinks);
    this.#note(this.#pump);
  }

  /** Waits for the rest after the target has ended; true when every byte that came was delivered. */
  async finish(draining: Draining): Promise<boolean> {
    const wasHeld = this.#pump.isHeld;
    return (await drain(this.#pump, draining)) && !wasHeld;
  }

  /** Discards the rest. */
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
 * Resolves when the engine has confirmed the attachment, so no output after a later start is lost. `hijack`
 * makes it a connection upgrade: docker-modem then puts back the bytes that came with the head of the
 * response, which the plain response path of older engines loses.
 */
async function attachOutput(engine: Engine, id: string, limits: CallLimits): Promise<Readable> {
  const container = engine.docker.getContainer(id);
  return engineStream(limits, (abortSignal) => {
    const options = { hijack: true, abortSignal, _query: { stream: 1, stdout: 1, stderr: 1 }, _body: {} };
    return container.attach(options);
  });
}

/** How long the rest of the output may take after the target has ended, in milliseconds. */
type DrainBounds = {
  /** Without a single byte moving. */
  readonly idleMs: number;
  /** In all; by default as long as bytes move. */
  readonly totalMs?: number;
};

/** The usual bounds, and those that hold from the moment when `cancel` aborts. */
type Draining = {
  readonly usual: DrainBounds;
  readonly hurried: DrainBounds;
  readonly cancel: AbortSignal;
};

/**
 * Waits for the end of the output; true when all of it was delivered. A sink that stalls for `idleMs` is
 * given up, so that the output can neither delay a run nor decide how it ends.
 */
async function drain(pump: OutputPump, { usual, hurried, cancel }: Draining): Promise<boolean> {
  let isComplete = cancel.aborted ? undefined : await watchDone(pump, usual, cancel);
  if (isComplete === undefined && cancel.aborted) isComplete = await watchDone(pump, hurried);
  if (isComplete !== undefined) return isComplete;
  pump.abort();
  return pump.done;
}

/** The result of the pump, or undefined when the bounds or the signal came first. */
async function watchDone(
  pump: OutputPump,
  { idleMs, totalMs = Infinity }: DrainBounds,
  signal?: AbortSignal,
): Promise<boolean | undefined> {
  const giveUpAt = performance.now() + totalMs;
  for (;;) {
    const before = pump.progress;
    const isComplete = await settledWithin(pump.done, Math.min(idleMs, giveUpAt - performance.now()), signal);
    if (isComplete !== undefined || signal?.aborted === true) return isComplete;
    if (pump.progress === before || performance.now() >= giveUpAt) return undefined;
  }
}
