import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { isRecord } from '../../../src/api/json-values.ts';
import { failureReasons } from '../../../src/api/reasons.ts';
import { endReasons, metricTable } from '../../../src/controller/metrics/metric-table.ts';
import { bridgeMetricTable } from '../../../src/bridge/bridge-metrics.ts';
import { agentMetricTable } from '../../../src/node-agent/agent-metrics.ts';
import { type MetricRow, type MetricTable, Metrics } from '../../../src/runtime/metrics.ts';

const tables: readonly MetricTable[] = [metricTable, agentMetricTable, bridgeMetricTable];
const rows = tables.flatMap((table) => Object.entries<MetricRow>(table));

test('names and help follow the rules of Prometheus', () => {
  for (const [name, { type, help, buckets = [] }] of rows) {
    assert.match(name, /^[a-z][a-z0-9_]+$/);
    assert.match(help, /^[A-Z0-9].*\.$/, name);
    assert.is(name.endsWith('_total'), type === 'counter', name);
    assert.is(buckets.length > 0, type === 'histogram', name);
    assert.equal(
      buckets,
      buckets.toSorted((a, b) => a - b),
      name,
    );
  }
});

test('no label can hold a value that a user chose', () => {
  // An administrator lists the queues of the bridge.
  const few = new Set(['code', 'method', 'verb', 'host', 'resource', 'version', 'revision', 'node', 'queue']);
  for (const [metric, { labels }] of rows) {
    for (const [label, values] of Object.entries(labels)) {
      // The label `name` has one value for the Lease, and a fixed list of values for the queue.
      const isFew = few.has(label) || metric === 'leader_election_master_status';
      const isReason = metric === 'dockerrun_watch_reconnects_total' && label === 'reason';
      assert.ok(typeof values !== 'string' || isFew || isReason, `${metric}: ${label}`);
    }
  }
});

test('the reasons in the metrics are those of the table of reasons', () => {
  assert.equal(endReasons, [...Object.keys(failureReasons), 'Succeeded', 'Unknown']);
  const series: readonly Readonly<Record<string, string>>[] =
    metricTable.dockerrun_runs_finished_total.series;
  const reasons = series.map(({ reason }) => reason);
  assert.equal(reasons.toSorted(), endReasons.filter((reason) => reason !== 'Unknown').toSorted());
});

/** The metrics of a scrape: those of the table and prom-client's own, with the suffixes of histograms. */
async function exposedNames(): Promise<Set<string>> {
  const all = [
    new Metrics(metricTable).withProcess(),
    new Metrics(agentMetricTable),
    new Metrics(bridgeMetricTable),
  ];
  const texts = all.map((one) => one.text());
  const text = (await Promise.all(texts)).join('\n');
  const names = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  );
  return new Set(names);
}

/** The names of metrics in a query: every word except functions, keywords, labels and quoted text. */
function namesIn(query: string): string[] {
  const bare = query
    .replaceAll(/"[^"]*"/g, '')
    .replaceAll(/\{[^}]*\}/g, '')
    .replaceAll(/\[[^\]]*\]/g, '')
    .replaceAll(/\b(by|without|on)\s*\([^)]*\)/g, '');
  return [...bare.matchAll(/[a-z_][a-z0-9_]*(?!\w)(?!\s*\()/gi)]
    .map(([word]) => word)
    .filter((word) => !['and', 'or', 'unless', 'sum', 'max', 'min', 'count', 'bool'].includes(word));
}

/** Every text at a key, at any depth. */
function textsAt(key: string, value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap((one) => textsAt(key, one));
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === key && typeof inner === 'string' ? [inner] : textsAt(key, inner),
  );
}

const alerts: unknown = parse(readFileSync('deploy/alerts/dockerrun.rules.yaml', 'utf8'));
const dashboard: unknown = JSON.parse(readFileSync('deploy/dashboards/dockerrun.json', 'utf8'));

for (const [what, queries, atLeast] of [
  ['alerts', textsAt('expr', alerts), 8],
  ['the dashboard', textsAt('expr', dashboard), 20],
] as const) {
  test(`${what} ask only for metrics that exist`, async () => {
    const exposed = await exposedNames();
    assert.ok(queries.length >= atLeast);
    for (const query of queries) {
      const names = namesIn(query);
      assert.ok(names.length > 0, query);
      assert.equal(
        names.filter((name) => !exposed.has(name)),
        [],
        query,
      );
    }
  });
}

test('every reason in an alert exists', () => {
  const named = textsAt('expr', alerts).flatMap((query) =>
    [...query.matchAll(/reason=~?"([^"]+)"/g)].flatMap(([, words = '']) => words.split('|')),
  );
  assert.ok(named.length > 3);
  assert.equal(
    named.filter((reason) => !endReasons.includes(reason)),
    [],
  );
});

test('every alert has a section in the runbook', () => {
  const sections = [...readFileSync('docs/operations.md', 'utf8').matchAll(/^### (\w+)$/gm)].map(
    ([, name = '']) => name,
  );
  assert.equal(sections, textsAt('alert', alerts));
  assert.equal(
    textsAt('runbook', alerts),
    sections.map((name) => `docs/operations.md#${name.toLowerCase()}`),
  );
});

test.run();
