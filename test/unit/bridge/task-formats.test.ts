import { deflateSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { messageBounds } from '../../../src/bridge/pickle/json-nodes.ts';
import type { Outcome, TaskMessage } from '../../../src/bridge/translate/message-outcome.ts';
import { translate } from '../../../src/bridge/translate/translation.ts';
import { captureTime, dockerRunTask, settings, taskMessage } from './task-messages.ts';

/** The forms in which programs beside Girder's plugins publish to its queue. */

const outcomeOf = (message: Partial<TaskMessage>): Outcome =>
  translate({ ...taskMessage({}), ...message }, settings, captureTime);

const call = { image: 'busybox:1', container_args: ['a'] };

function sentenceOf(outcome: Outcome): string {
  return outcome.kind === 'Refused' ? outcome.message : outcome.kind;
}

test('a call in plain JSON, without a job, is a run', () => {
  const body = Buffer.from(JSON.stringify([['busybox:1'], { container_args: ['a'] }, {}]));
  const headers = { task: dockerRunTask, id: 'a-1', lang: 'py' };
  for (const contentType of ['application/json', 'application/json; charset=utf-8', undefined]) {
    const outcome = outcomeOf({ body, headers, contentType });
    assert.ok(outcome.kind === 'Run', sentenceOf(outcome));
    assert.equal(outcome.run.spec['args'], ['a']);
    assert.is(outcome.job, undefined);
    assert.is(outcome.secret, undefined);
  }
});

const plain = taskMessage({ kwargs: call });

function compressed(body: Buffer, compression = 'application/x-gzip'): Partial<TaskMessage> {
  const headers = { ...(plain.headers as object), compression };
  return { ...plain, body, headers };
}

test('a compressed body is what it was before', () => {
  const outcome = outcomeOf(compressed(deflateSync(plain.body)));
  assert.equal(outcome, outcomeOf(plain));
  assert.is(outcome.kind, 'Run');
});

test('a compressed body that is broken, too long or of another compression is refused, with its job', () => {
  const long = deflateSync(Buffer.alloc(messageBounds.bytes + 1, ' '));
  for (const [message, words] of [
    [compressed(plain.body), /not what its header compression says/],
    [compressed(long), /more than 8388608 bytes when it is decompressed/],
    [compressed(plain.body, 'application/x-bz2'), /set task_compression of Celery to gzip/],
  ] as const) {
    const outcome = outcomeOf(message);
    assert.match(sentenceOf(outcome), words);
    assert.ok(outcome.kind === 'Refused' && outcome.job !== undefined);
  }
});

test("a task of Celery's first protocol is for another worker, and is not lost", () => {
  const older = (task: string) =>
    outcomeOf({ headers: {}, body: Buffer.from(JSON.stringify({ task, id: 'a-1', args: [], kwargs: {} })) });
  const foreign = { kind: 'Foreign', taskId: 'a-1', job: undefined };
  for (const taskName of [dockerRunTask, 'other.task'])
    assert.equal(older(taskName), { ...foreign, taskName });
  assert.equal(older('celery.ping'), { kind: 'BuiltIn', taskName: 'celery.ping' });
});

test('what is no task in any protocol is refused without a job', () => {
  for (const body of ['{"task": 7, "id": "a"}', '{"task": "x"}', '[]', '"task"', 'not JSON', '']) {
    const outcome = outcomeOf({ headers: {}, body: Buffer.from(body) });
    assert.ok(outcome.kind === 'Refused' && outcome.taskId === undefined, body);
  }
});

test("tasks of Celery that call others are for another worker; the rest of Celery's own has no effect", () => {
  const kindOf = (task: string) => outcomeOf(taskMessage({ task })).kind;
  for (const name of ['map', 'starmap', 'chunks', 'group', 'chain', 'chord'])
    assert.is(kindOf(`celery.${name}`), 'Foreign', name);
  for (const name of ['backend_cleanup', 'chord_unlock', 'accumulate', 'ping'])
    assert.is(kindOf(`celery.${name}`), 'BuiltIn', name);
});

test.run();
