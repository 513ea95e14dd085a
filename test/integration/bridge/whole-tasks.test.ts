import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import { parseMetadata } from '../../../src/api/docker-run.ts';
import { recordAt } from '../../../src/kube/json.ts';
import { rootSpanOf } from '../../../src/support/trace/trace.ts';
import { girderVenv } from '../../cluster/install/girder-venv.ts';
import { logOf, putJob } from '../../e2e/support/girder-job.ts';
import { succeed } from '../../e2e/support/shell.ts';
import { suite } from '../../fixtures/suite.ts';
import { TraceReceiver } from '../../fixtures/trace-receiver.ts';
import { until } from '../../fixtures/until.ts';
import { BridgeLab } from './bridge-lab.ts';

const gzip = 'application/x-gzip';
const test = suite<{ lab: BridgeLab; traces: TraceReceiver }>('the bridge of the image');

test.before(async (context) => {
  context.lab = await BridgeLab.start();
  const queues = [
    { queue: 'celery', namespace: 'default', nodeSelector: { gpu: 'true' }, ttlSecondsAfterFinished: 60 },
  ];
  context.traces = await TraceReceiver.open();
  await context.lab.bridge(
    { queues, foreignQueue: 'local' },
    { reads: 'messages', traces: context.traces.endpoint },
  );
});

test.after(async ({ lab, traces }) => {
  await lab[Symbol.asyncDispose]();
  await traces[Symbol.asyncDispose]();
});

test('a docker_run of Girder becomes a run with the settings of its queue', async ({ lab }) => {
  const job = await lab.job();
  const taskId = await lab.publish({ job });
  const run = await lab.run(taskId);
  const spec = recordAt(run, 'spec');
  assert.equal(spec['image'], 'busybox:1.36');
  assert.equal(spec['args'], ['true']);
  assert.equal(spec['nodeSelector'], { gpu: 'true' });
  assert.is(spec['ttlSecondsAfterFinished'], 60);
  assert.is(recordAt(recordAt(spec, 'girder'), 'job')['id'], job.jobId);
  assert.not.ok(JSON.stringify(run).includes(job.token));
  await lab.jobIs(job, 2);
  await lab.report(taskId, {
    phase: 'Failed',
    reason: 'ImageNotAllowed',
    message: 'The policy does not allow the image.',
    completionTime: new Date().toISOString().replace(/\.\d+/, ''),
  });
  await lab.jobIs(job, 4);
  assert.match(await logOf(job.jobId), /The policy does not allow the image\.\n$/);
});

test('a docker_run is a run as other programs publish them: compressed, and in plain JSON', async ({
  lab,
}) => {
  const [job, channel] = [await lab.job(), await lab.broker.channel()];
  const body = Buffer.from(JSON.stringify([['busybox:1.36'], { container_args: [{ '1': null }, 2e-7] }, {}]));
  const compressed = await lab.publish({ job, body: deflateSync(body), headers: { compression: gzip } });
  const plain = randomUUID();
  const headers = { id: plain, task: 'girder_worker.docker.tasks.docker_run' };
  channel.sendToQueue('celery', body, { contentType: 'application/json', headers });
  await channel.close();
  const args = ["{'1': None}", '2e-07'];
  assert.equal(recordAt(await lab.run(compressed), 'spec')['args'], args);
  await lab.jobIs(job, 2);
  const other = await lab.plane.client.until(lab.pathOf(plain), 'created');
  assert.equal(recordAt(other, 'spec')['args'], args);
  await lab.drained();
});

/** Publishes with Python's client, whose tags of numbers are not those of amqplib. */
const publishing = `
import json, sys
import kombu
url, taskId, body = sys.argv[1:]
numbers = {'large': 2**40, 'negative': -(2**40), 'small': 7, 'real': 1.5, 'list': [2**41, {'deep': 2**42}], 'none': None}
headers = dict(id=taskId, task='girder_worker.docker.tasks.docker_run', girder_result_hooks=[], job=numbers)
with kombu.Connection(url) as connection:
    producer = kombu.Producer(connection)
    producer.publish(json.loads(body), routing_key='celery', headers=headers, serializer='json')
`;

test('a message with integers of 64 bits in its headers is read as Python writes them', async ({ lab }) => {
  const taskId = randomUUID();
  const python = join(girderVenv(), 'bin', 'python');
  const body = JSON.stringify([['busybox:1.36'], {}, {}]);
  await succeed(python, ['-c', publishing, lab.broker.url('girder'), taskId, body]);
  await lab.plane.client.until(lab.pathOf(taskId), 'created');
  await lab.drained();
});

test('tasks for other workers are passed on, also those that call others and those of the first protocol', async ({
  lab,
}) => {
  const channel = await lab.broker.channel();
  const older = Buffer.from(JSON.stringify({ task: 'older.task', id: randomUUID(), args: [], kwargs: {} }));
  const starmap = await lab.publish({ task: 'celery.starmap' });
  channel.sendToQueue('celery', older, { contentType: 'application/json', headers: {} });
  await until('both are there', () => lab.broker.waiting('local'), { holds: (now) => now === 2 });
  const received = [await channel.get('local', { noAck: true }), await channel.get('local', { noAck: true })];
  await channel.close();
  const messages = received.flatMap((one) => (one === false ? [] : [one]));
  assert.ok(messages.some(({ properties }) => recordAt(properties, 'headers')['id'] === starmap));
  assert.ok(messages.some(({ content }) => content.equals(older)));
  await lab.drained();
});

test('the trace of a run begins with the delivery of its message', async ({ lab, traces }) => {
  const taskId = await lab.publish({ job: await lab.job() });
  const { uid } = parseMetadata(recordAt(await lab.run(taskId), 'metadata'));
  const ofRun = () => traces.spans.find(({ traceId }) => traceId === uid.replaceAll('-', ''));
  const span = await until('the span has arrived', ofRun);
  assert.is(span.name, 'take task');
  assert.is(span.parentSpanId, rootSpanOf(uid).spanId);
  assert.is(span.attributes['dockerrun.task.id'], taskId);
  assert.is(span.resource['service.name'], 'dockerrun-bridge');
  assert.ok(span.endMs > span.startMs);
});

test('a cancel is seen by its broadcast, whatever the name of the run', async ({ lab }) => {
  const job = await lab.job();
  const taskId = await lab.publish({ job });
  await lab.run(taskId);
  await lab.jobIs(job, 2);
  await putJob(job, { status: '824' });
  const channel = await lab.broker.channel();
  const revoke = { method: 'revoke', arguments: { task_id: [taskId], terminate: true } };
  channel.publish('celery.pidbox', '', Buffer.from(JSON.stringify(revoke)), {
    contentType: 'application/json',
  });
  await channel.close();
  await until('the run is cancelled', () => lab.plane.client.get(lab.pathOf(taskId)), {
    holds: (run) => recordAt(run, 'spec')['cancel'] === true,
    withinMs: 60_000,
  });
});

test.run();
