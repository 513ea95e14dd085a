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

  /** Scrapes until something holds; fails with what it found last. */
  static async until(
    port: number,
    what: string,
    holds: (scrape: Scrape) => boolean,
    withinMs = 15_000,
  ): Promise<Scrape> {
    const end = performance.now() + withinMs;
    for (;;) {
      const scrape = await Scrape.of(port);
      if (holds(scrape)) return scrape;
      if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${what}\n${scrape.nonZero}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** The value of a series as it is written (`dockerrun_runs{phase="Running"}`); nothing when it does not exist. */
  value(series: string): number | undefined {
    const line = this.text.split('\n').find((one) => one.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  }

  /** What is not 0, but for the process' own, for the report of a test that failed. */
  get nonZero(): string {
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
