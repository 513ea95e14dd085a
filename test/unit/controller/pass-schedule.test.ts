import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { wakeAnnotation } from '../../../src/api/names.ts';
import type { DockerRunSetSpec } from '../../../src/api/set/set-spec.ts';
import type { DockerRunSetStatus } from '../../../src/api/set/set-status.ts';
import { dueOf } from '../../../src/controller/set/decide/pass-schedule.ts';
import { aSetSpec } from '../../fixtures/builders-set.ts';

const created = '2026-11-29T12:00:00Z';

function due(
  spec: Partial<DockerRunSetSpec>,
  status: DockerRunSetStatus,
  now: string,
  { generation = 1, wake }: { generation?: number; wake?: string } = {},
) {
  const annotations = wake === undefined ? {} : { [wakeAnnotation]: wake };
  const metadata = { generation, creationTimestamp: created, annotations };
  const { isDue, ...rest } = dueOf({ spec: aSetSpec(spec), status, metadata }, new Date(now));
  return isDue || ('inMs' in rest ? rest.inMs : undefined);
}

const items = { seen: 9, done: 9, waiting: 0, running: 0, failed: 0, excluded: 0, gone: 0 };
const ended: DockerRunSetStatus = {
  pass: {
    number: 1,
    generation: 1,
    startTime: '2026-11-29T12:00:00Z',
    finishTime: '2026-11-29T12:30:00Z',
    todo: 0,
  },
  items,
};
const todo = { ...ended, pass: { number: 1, ...ended.pass, todo: 9 } };

test('a new set starts at once, but one with a schedule waits for its time', () => {
  assert.is(due({}, {}, created), true);
  assert.is(due({ watch: { every: '10m' } }, {}, created), true);
  assert.is(due({ schedule: { cron: '0 2 * * *' } }, {}, created), 14 * 3_600_000);
});

test('without watch and schedule, passes follow each other until one finds nothing to do', () => {
  assert.is(due({}, ended, '2026-11-29T12:30:01Z'), undefined);
  assert.is(due({}, { ...todo, ended: { succeeded: 9, failed: 0 } }, '2026-11-29T12:30:01Z'), 4_000);
  assert.is(due({}, todo, '2026-11-29T12:30:01Z'), 59_000, 'after a pass without progress');
  const last = { ...todo, pass: { ...todo.pass, isLast: true } };
  assert.is(due({}, last, '2026-11-29T12:30:01Z'), undefined, 'a walk at the end found nothing');
  const waiting = { ...ended, items: { ...items, waiting: 1 } };
  assert.is(due({}, waiting, '2026-11-29T12:31:00Z'), true, 'an input waits for its next attempt');
});

test('a changed spec or a new retryFailed starts a pass', () => {
  assert.is(due({}, ended, '2026-11-29T12:30:01Z', { generation: 2 }), true);
  assert.is(due({ retryFailed: 'a' }, ended, '2026-11-29T12:30:01Z'), true);
  const used = { ...ended, pass: { number: 1, ...ended.pass, retryFailed: 'a' } };
  assert.is(due({ retryFailed: 'a' }, used, '2026-11-29T12:30:01Z'), undefined);
});

test('a new value of the annotation wake starts a pass, also of a set that is complete or has a schedule', () => {
  const schedule = { cron: '30 2 * * *' };
  for (const spec of [{}, { watch: { every: '10m' } }, { schedule }]) {
    assert.is(due(spec, ended, '2026-11-29T12:30:01Z', { wake: 'a' }), true);
    const used = { ...ended, pass: { number: 1, ...ended.pass, wake: 'a' } };
    assert.is.not(due(spec, used, '2026-11-29T12:30:01Z', { wake: 'a' }), true);
    assert.is(due(spec, used, '2026-11-29T12:30:01Z', { wake: 'b' }), true);
  }
});

test('a watch counts from the end of the last pass', () => {
  assert.is(due({ watch: { every: '1h10m' } }, ended, '2026-11-29T12:30:00Z'), 70 * 60_000);
  assert.is(due({ watch: { every: '10m' } }, ended, '2026-11-29T12:40:00Z'), true);
});

test('a schedule counts from the start of the last pass, in its time zone, and a missed time once', () => {
  const schedule = { cron: '30 2 * * *', timeZone: 'Europe/Berlin' };
  assert.is(due({ schedule }, ended, '2026-11-30T01:29:00Z'), 60_000);
  assert.is(due({ schedule }, ended, '2026-12-05T00:00:00Z'), true);
  assert.is(
    due({ schedule }, ended, '2026-11-29T12:31:00Z', { generation: 2 }),
    (12 * 60 + 59) * 60_000,
    'a change waits',
  );
});

test.run();
