import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/**
 * The values of a label: a closed list, or a description where the few values are only known when they occur.
 * Names, namespaces, uids and images are never labels.
 */
export type LabelValues = readonly string[] | string;

/** One metric. The documentation of the metrics is generated from these rows as well. */
export type MetricRow = {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: Readonly<Record<string, LabelValues>>;
  /** Upper bounds of a histogram. */
  readonly buckets?: readonly number[];
  /** The series that exist from the start, unless all combinations of the labels' closed lists do. */
  readonly series?: readonly Readonly<Record<string, string>>[];
};

/** All metrics of a program, by name. */
export type MetricTable = Readonly<Record<string, MetricRow>>;

type Named<Table extends MetricTable, Type extends MetricRow['type']> = {
  [Name in keyof Table]: Table[Name]['type'] extends Type ? Name : never;
}[keyof Table] &
  string;

type Labels<Row extends MetricRow> = {
  [Label in keyof Row['labels']]: Row['labels'][Label] extends readonly (infer Value extends string)[]
    ? Value
    : string;
};

/** Gauges with a counter's suffix, which promtool rejects; nodejs_active_resources shows the same. */
const misnamed = ['handles', 'requests', 'resources'].map((what) => `nodejs_active_${what}_total`);

/** The metrics of a table, in prom-client; a name or label that is not in the table does not compile. */
export class Metrics<Table extends MetricTable> {
  readonly #registry = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();
  readonly #histograms = new Map<string, Histogram>();
  readonly #beforeScrape: (() => void)[] = [];

  constructor(table: Table) {
    for (const [name, row] of Object.entries<MetricRow>(table)) this.#register(name, row);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Adds prom-client's metrics of the process: CPU, memory, event loop lag, garbage collection. */
  withProcess(): this {
    collectDefaultMetrics({ register: this.#registry });
    for (const name of misnamed) this.#registry.removeSingleMetric(name);
    return this;
  }

  count<Name extends Named<Table, 'counter'>>(name: Name, labels: Labels<Table[Name]>, by = 1): void {
    this.#counters.get(name)?.inc(labels, by);
  }

  set<Name extends Named<Table, 'gauge'>>(name: Name, labels: Labels<Table[Name]>, value: number): void {
    this.#gauges.get(name)?.set(labels, value);
  }

  observe<Name extends Named<Table, 'histogram'>>(
    name: Name,
    labels: Labels<Table[Name]>,
    value: number,
  ): void {
    this.#histograms.get(name)?.observe(labels, value);
  }

  /** Registers a function that sets gauges before each scrape, for values costly to keep; it must be fast. */
  onScrape(set: () => void): void {
    this.#beforeScrape.push(set);
  }

  /** All metrics in Prometheus' text format. */
  async text(): Promise<string> {
    for (const set of this.#beforeScrape) set();
    return this.#registry.metrics();
  }

  #register(name: string, { type, help, labels, buckets, series }: MetricRow): void {
    const options = { name, help, labelNames: Object.keys(labels), registers: [this.#registry] };
    const start = series ?? combinations(Object.entries(labels));
    if (type === 'counter') {
      const counter = new Counter(options);
      for (const one of start) counter.inc(one, 0);
      this.#counters.set(name, counter);
    } else if (type === 'gauge') {
      const gauge = new Gauge(options);
      for (const one of start) gauge.set(one, 0);
      this.#gauges.set(name, gauge);
    } else {
      const histogram = new Histogram(
        buckets === undefined ? options : { ...options, buckets: [...buckets] },
      );
      for (const one of start) histogram.zero(one);
      this.#histograms.set(name, histogram);
    }
  }
}

/** All series of labels with closed lists; none if the values of a label are not known beforehand. */
function combinations(labels: readonly (readonly [string, LabelValues])[]): Record<string, string>[] {
  let found: Record<string, string>[] = [{}];
  for (const [label, values] of labels) {
    if (typeof values === 'string') return [];
    found = found.flatMap((before) => values.map((value) => ({ ...before, [label]: value })));
  }
  return found;
}

export type Scraped = { readonly contentType: string; text: () => Promise<string> };

/** Serves `GET /metrics` on a separate port, so that a NetworkPolicy can open only that to Prometheus. */
export async function serveMetrics(
  port: number,
  metrics: Scraped,
): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer((request, response) => {
    const refuse = (status: number, text: string) =>
      response.writeHead(status, { 'content-type': 'text/plain' }).end(`${text}\n`);
    if (request.url?.split('?')[0] !== '/metrics')
      return void refuse(404, 'not found: only /metrics is served');
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return void refuse(405, 'method not allowed: use GET');
    metrics.text().then(
      (text) => response.writeHead(200, { 'content-type': metrics.contentType }).end(text),
      (error: unknown) => refuse(500, error instanceof Error ? error.message : 'cannot read the metrics'),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        // A scraper keeps its connection open, which would keep the process alive.
        server.closeAllConnections();
      }),
  };
}
