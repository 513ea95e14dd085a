import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { spansOf } from '../../../src/ui/page/run-spans.ts';

const at = (second: number) => new Date(second * 1000).toISOString();
const spans = (status: object, now = 100) =>
  spansOf({ metadata: { creationTimestamp: at(0) }, status }, now * 1000).map(({ label, from, to }) => [
    label,
    from / 1000,
    to / 1000,
  ]);

test('a run that waits has waited until now', () => {
  assert.equal(spans({ phase: 'Pending' }), [['waiting', 0, 100]]);
});

test('each span ends where the next one begins, and the last one with the run', () => {
  const target = { startedAt: at(10), finishedAt: at(40) };
  const status = { phase: 'Succeeded', startTime: at(2), target, completionTime: at(45) };
  assert.equal(spans(status), [
    ['waiting', 0, 2],
    ['preparing', 2, 10],
    ['target', 10, 40],
    ['uploading', 40, 45],
  ]);
});

test('the spans of a run with several attempts are those of the last one', () => {
  const attemptHistory = [{ startTime: at(1), completionTime: at(20) }, { startTime: at(30) }];
  assert.equal(spans({ phase: 'Preparing', startTime: at(1), attemptHistory }), [
    ['waiting', 0, 30],
    ['preparing', 30, 100],
  ]);
});

test('clocks of nodes that differ give no negative span', () => {
  const target = { startedAt: at(1), finishedAt: at(4) };
  const status = { phase: 'Succeeded', startTime: at(2), target, completionTime: at(3) };
  assert.ok(spans(status).every(([, from = 0, to = 0]) => Number(to) >= Number(from)));
});

test.run();
