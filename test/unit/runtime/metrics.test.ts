import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type MetricTable, Metrics } from '../../../src/runtime/metrics.ts';

const table = {
  jobs_total: {
    type: 'counter',
    help: 'Jobs.',
    labels: { outcome: ['good', 'bad'], kind: ['a', 'b'] },
  },
  calls_total: { type: 'counter', help: 'Calls.', labels: { code: 'the HTTP status' } },
  ends_total: {
    type: 'counter',
    help: 'Ends.',
    labels: { outcome: ['good', 'bad'], reason: ['Done', 'Broken'] },
    series: [
      { outcome: 'good', reason: 'Done' },
      { outcome: 'bad', reason: 'Broken' },
    ],
  },
  depth: { type: 'gauge', help: 'Depth.', labels: {} },
  wait_seconds: { type: 'histogram', help: 'Waits.', labels: { kind: ['a'] }, buckets: [1, 2] },
} as const satisfies MetricTable;

async function linesOf(metrics: Metrics<typeof table>, name: string): Promise<string[]> {
  const text = await metrics.text();
  return text.split('\n').filter((line) => line.startsWith(name));
}

test('series whose labels are closed lists start at 0', async () => {
  const metrics = new Metrics(table);
  assert.equal(await linesOf(metrics, 'jobs_total'), [
    'jobs_total{outcome="good",kind="a"} 0',
    'jobs_total{outcome="good",kind="b"} 0',
    'jobs_total{outcome="bad",kind="a"} 0',
    'jobs_total{outcome="bad",kind="b"} 0',
  ]);
  assert.equal(await linesOf(metrics, 'depth'), ['depth 0']);
  assert.ok((await linesOf(metrics, 'wait_seconds_count')).includes('wait_seconds_count{kind="a"} 0'));
});

test('a table can list the combinations of labels that exist', async () => {
  assert.equal(await linesOf(new Metrics(table), 'ends_total'), [
    'ends_total{outcome="good",reason="Done"} 0',
    'ends_total{outcome="bad",reason="Broken"} 0',
  ]);
});

test('series with an open label appear when they are first used', async () => {
  const metrics = new Metrics(table);
  assert.equal(await linesOf(metrics, 'calls_total'), []);
  metrics.count('calls_total', { code: '200' }, 2);
  assert.equal(await linesOf(metrics, 'calls_total'), ['calls_total{code="200"} 2']);
});

test('a histogram has the buckets of its row', async () => {
  const metrics = new Metrics(table);
  metrics.observe('wait_seconds', { kind: 'a' }, 1.5);
  assert.equal(await linesOf(metrics, 'wait_seconds_bucket'), [
    'wait_seconds_bucket{le="1",kind="a"} 0',
    'wait_seconds_bucket{le="2",kind="a"} 1',
    'wait_seconds_bucket{le="+Inf",kind="a"} 1',
  ]);
});

test('a gauge that is set on scrape shows its current value', async () => {
  const metrics = new Metrics(table);
  let depth = 3;
  metrics.onScrape(() => metrics.set('depth', {}, depth));
  assert.equal(await linesOf(metrics, 'depth'), ['depth 3']);
  depth = 4;
  assert.equal(await linesOf(metrics, 'depth'), ['depth 4']);
});

test.run();
