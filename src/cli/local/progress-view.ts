import type { Report } from '../../api/report.ts';
import type { LiveReport } from '../../worker/progress.ts';
import { type Printer, ThrottledProgress } from './console.ts';
import { type Bar, MovementBars, percentBar } from './movement-bars.ts';
import { onThisMachine } from './exit-code.ts';

/** Shows how far a run is: lines, and on a terminal bars in place of those lines that only count. */
export class ProgressView implements Disposable {
  readonly #printer: Printer;
  readonly #lines = new ThrottledProgress();
  readonly #movements = new MovementBars();

  constructor(printer: Printer) {
    this.#printer = printer;
  }

  /** `now` is in milliseconds on a monotonic clock. */
  show(live: LiveReport, now: number): void {
    const { bars } = this.#printer;
    const report = live.snapshot();
    const { progress, ...withoutProgress } = report;
    const shown = bars === undefined ? undefined : this.#barsOf(live, report, now);
    const lines = this.#lines.next(shown?.hasProgress === true ? withoutProgress : report, now);
    for (const line of lines) this.#printer.print(line);
    if (report.phase !== 'Running') bars?.targetEnded();
    bars?.show(shown?.bars ?? []);
  }

  /** Whether the bars have the progress of the report: then it needs no line. */
  #barsOf(
    live: LiveReport,
    { phase, progress }: Report,
    now: number,
  ): { readonly bars: readonly Bar[]; readonly hasProgress: boolean } {
    const bars = this.#movements.next(live.movements, now);
    if (live.problem !== undefined) return { bars, hasProgress: false };
    const isOfMovements = phase === 'Preparing' || (phase === 'Uploading' && live.items === undefined);
    if (isOfMovements) return { bars, hasProgress: bars.length > 0 };
    if (progress?.percent === undefined) return { bars, hasProgress: false };
    const whole = percentBar(onThisMachine(progress.message), progress.percent);
    return { bars: [whole, ...bars], hasProgress: true };
  }

  [Symbol.dispose](): void {
    this.#printer.bars?.show([]);
  }
}
