import { attachOutput } from './attach.ts';
import { drain, type Draining } from './drain.ts';
import type { Engine } from '../engine.ts';
import { type CallLimits } from '../engine-call.ts';
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
