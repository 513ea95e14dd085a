import { inspect } from 'node:util';
import { until, type UntilOptions } from '../../fixtures/until.ts';

/** One scrape of a controller, as Prometheus does it. */
export class Scrape {
  readonly text: string;
  readonly contentType: string;

  private constructor(text: string, contentType: string) {
    this.text = text;
    this.contentType = contentType;
  }

  static async of(port: number): Promise<Scrape> {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(5_000) });
    if (!response.ok) throw new Error(`the scrape was answered with ${response.status}`);
    return new Scrape(await response.text(), response.headers.get('content-type') ?? '');
  }

  /** `until` on the metrics at a port. */
  static until(port: number, what: string, options: UntilOptions<Scrape>): Promise<Scrape> {
    return until(what, () => Scrape.of(port), { withinMs: 15_000, everyMs: 100, ...options });
  }

  /**
   * Scrapes a controller as soon as it has nothing to do: no key waits or is handled, and none was since the look before.
   * What it has planned for later, such as the next report of a worker, does not count.
   */
  static async atRest(port: number): Promise<Scrape> {
    let before = -1;
    const holds = (scrape: Scrape) => {
      const now = scrape.sum('workqueue_adds_total');
      const isSame = now === before;
      before = now;
      const active = scrape.sum('workqueue_depth') + scrape.sum('controller_runtime_active_workers');
      return isSame && active === 0;
    };
    // Longer than the controller lets changes of one run gather.
    return Scrape.until(port, 'the controller is at rest', { holds, everyMs: 500 });
  }

  /** The value of a series as it is written (`dockerrun_runs{phase="Running"}`); nothing when it does not exist. */
  value(series: string): number | undefined {
    const line = this.text.split('\n').find((one) => one.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  }

  /** What is not 0, but for the process' own, for the report of a test that failed. */
  [inspect.custom](): string {
    const lines = this.text.split('\n').filter((one) => !/^(#|nodejs_|process_)| 0$|_bucket\{/.test(one));
    return lines.join('\n');
  }

  /** All series of a metric, added up. */
  sum(name: string): number {
    const lines = this.text
      .split('\n')
      .filter((one) => one.startsWith(`${name}{`) || one.startsWith(`${name} `));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }
}
