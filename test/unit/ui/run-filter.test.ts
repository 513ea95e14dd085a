import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { countsOf, filtered, filterOf } from '../../../src/ui/page/run-filter.ts';
import type { RunSummary } from '../../../src/ui/ui-messages.ts';

const summary = (name: string, more: Partial<RunSummary> = {}): RunSummary => ({
  ...{
    key: `${more.namespace ?? 'lab'}/${name}`,
    namespace: 'lab',
    name,
    version: '1',
    created: '2026-01-01T00:00:00Z',
  },
  ...{ phase: 'Running', reason: '', image: 'busybox', progress: '', node: '', set: '', completed: '' },
  ...more,
});
const runs = [
  summary('old', { created: '2025-01-01T00:00:00Z', phase: 'Failed', reason: 'OOMKilled' }),
  summary('b'),
  summary('a'),
  summary('far', { namespace: 'elsewhere', set: 'slides', node: 'node-7' }),
];
const names = (query: string) => filtered(runs, filterOf(new URLSearchParams(query))).map(({ name }) => name);

test('the newest run comes first, and runs of the same second by name', () => {
  assert.equal(names(''), ['far', 'a', 'b', 'old']);
});

test('runs are limited by phase, namespace, set and text, by all of them at once', () => {
  assert.equal(names('phase=Failed'), ['old']);
  assert.equal(names('namespace=elsewhere'), ['far']);
  assert.equal(names('set=slides&phase=Failed'), []);
  assert.equal(names('text=oomk'), ['old']);
  assert.equal(names('text=NODE-7'), ['far']);
});

test('each value that a filter can have is counted', () => {
  assert.equal(countsOf(runs, 'phase'), [
    ['Failed', 1],
    ['Running', 3],
  ]);
  assert.equal(countsOf(runs, 'set'), [['slides', 1]]);
});

test.run();
