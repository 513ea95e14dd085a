import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  answerTo,
  maxControlBytes,
  maxListed,
  maxRevoked,
  parseControl,
  type WorkerState,
} from '../../../src/bridge/broker/control-answers.ts';

const replyTo = { exchange: 'reply.celery.pidbox', routing_key: 'abc' };
const bytes = (value: object) => Buffer.from(JSON.stringify(value));
const run = { taskId: 'id', name: 'lab/girder-id', queue: 'celery', since: 1 };
const state: WorkerState = {
  name: 'dockerrun@pod',
  version: '1',
  queues: ['celery'],
  maxRuns: 10,
  running: 1,
  waiting: 0,
  isLeading: true,
  active: [run],
  reserved: [],
  accepted: 3,
};

test('the report of each replica counts the runs of all, and says who lists them', () => {
  const other = { ...state, running: 3, waiting: 2, isLeading: false, active: [], accepted: 0 };
  const report = JSON.stringify(answerTo('report', other));
  assert.match(report, /all replicas: 3 running, 2 waiting, at most 10 unfinished/);
  assert.match(report, /another replica lists them/);
  assert.not.match(JSON.stringify(answerTo('report', state)), /another replica/);
});

test('a request of Girder is read with its ticket and the key of its answer', () => {
  const request = parseControl(
    bytes({
      method: 'ping',
      arguments: {},
      destination: null,
      pattern: null,
      ticket: 't',
      reply_to: replyTo,
    }),
  );
  assert.equal(request, {
    method: 'ping',
    revoked: [],
    ticket: 't',
    replyTo: { exchange: 'reply.celery.pidbox', routingKey: 'abc' },
    destination: undefined,
  });
});

test('an answer goes to the exchange for answers only', () => {
  const elsewhere = parseControl(bytes({ method: 'ping', reply_to: { ...replyTo, exchange: '' } }));
  assert.is(elsewhere?.replyTo, undefined);
});

test('a cancel names one task or several, and no more than are looked at', () => {
  const revoked = (task_id: unknown) =>
    parseControl(bytes({ method: 'revoke', arguments: { task_id } }))?.revoked;
  assert.equal(revoked('a'), ['a']);
  assert.equal(revoked(['a', 1, 'b']), ['a', 'b']);
  assert.equal(revoked(null), []);
  assert.is(revoked(Array.from({ length: 2 * maxRevoked }, () => 'a'))?.length, maxRevoked);
});

test('what is not a request, or is too long, is ignored', () => {
  for (const content of ['', '[]', '{"method": 1}', '{"method": "ping", "pattern": "*"}', 'x'])
    assert.is(parseControl(Buffer.from(content)), undefined, content);
  assert.is(parseControl(bytes({ method: 'ping', x: 'x'.repeat(maxControlBytes) })), undefined);
});

test('the answers have what the page of workers reads', () => {
  assert.equal(answerTo('ping', state), { ok: 'pong' });
  assert.match(JSON.stringify(answerTo('report', state)), /queues: celery/);
  const stats = answerTo('stats', state) as { total: object; pool: Record<string, unknown> };
  assert.equal(Object.values(stats.total), [3]);
  assert.is(stats.pool['max-concurrency'], 10);
  const [active] = answerTo('active', state) as Record<string, unknown>[];
  assert.is(active?.['id'], 'id');
  assert.is(active?.['time_start'], 1);
  assert.is(active?.['kwargs'], '{"DockerRun":"lab/girder-id"}');
  assert.equal(answerTo('reserved', state), []);
  assert.equal(answerTo('active_queues', state), [
    { name: 'celery', routing_key: 'celery', exchange: { name: '', type: 'direct' } },
  ]);
  assert.is(answerTo('hello', state), undefined);
});

test('an answer lists only so many runs', () => {
  const many = { ...state, reserved: Array.from({ length: 1_000 }, () => run) };
  assert.is((answerTo('reserved', many) as unknown[]).length, maxListed);
});

test.run();
