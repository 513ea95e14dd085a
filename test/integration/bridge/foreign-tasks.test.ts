import { randomUUID } from 'node:crypto';
import type { Channel, ConsumeMessage, GetMessage } from 'amqplib';
import * as assert from 'uvu/assert';
import { recordAt } from '../../../src/kube/json.ts';
import { cancelJob } from '../../e2e/support/girder-job.ts';
import { suite } from '../../fixtures/suite.ts';
import { until } from '../../fixtures/until.ts';
import { BridgeLab, type BridgeProcess } from './bridge-lab.ts';

type Context = { lab: BridgeLab; bridge: BridgeProcess; channel: Channel };
const test = suite<Context>('foreign tasks and control messages');

test.before(async (context) => {
  context.lab = await BridgeLab.start();
  const channel = await context.lab.broker.channel();
  context.channel = channel;
  context.bridge = await context.lab.bridge({ foreignQueue: 'local' });
});

test.after(async ({ lab }) => {
  await lab[Symbol.asyncDispose]();
});

test('a foreign task is passed on with the same headers, properties and body', async ({ lab, channel }) => {
  const id = randomUUID();
  const body = Buffer.from('[[], {"token": "t"}, {"callbacks": null, "chain": null}]');
  const headers = {
    ...{
      id,
      task: 'slicer_cli_web.image_job.ingest_from_docker',
      timelimit: [null, 3600.5],
      retries: 0,
      eta: null,
    },
    ...{ stamps: {}, big: 2 ** 40, jobInfoSpec: { headers: { 'Girder-Token': 'x' }, logPrint: true } },
  };
  const properties = {
    ...{ contentType: 'application/json', contentEncoding: 'utf-8', deliveryMode: 2, priority: 3 },
    ...{ correlationId: id, replyTo: randomUUID(), expiration: '3600000' },
  };
  channel.sendToQueue('celery', body, { ...properties, headers });
  const received = await until('it is in the queue local', () => taken(channel));
  assert.equal(received.content, body);
  const { headers: receivedHeaders, ...rest } = received.properties;
  assert.equal(receivedHeaders, headers);
  assert.equal(
    Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)),
    properties,
  );
  await lab.drained();
});

test('a foreign task cannot reach other queues by its headers', async ({ lab, channel }) => {
  const { queue: other } = await channel.assertQueue('', { exclusive: true });
  const headers = { id: randomUUID(), task: 'x.y', BCC: [other] };
  // The broker delivers a copy of what a publisher may send there; the bridge must not send another one.
  channel.sendToQueue('celery', Buffer.from('[]'), { headers });
  await until('it is in the queue local', () => taken(channel));
  await lab.drained();
  const copies = (await channel.checkQueue(other)).messageCount;
  assert.ok(copies <= 1, `${copies} copies`);
});

test('a foreign task waits in its queue until there is one for it', async ({ lab, channel, bridge }) => {
  await channel.deleteQueue('local');
  await lab.publish({ task: 'x.y' });
  await until('it waits', () => bridge.metric('dockerrun_bridge_held', '"forwarding"'));
  await until('it is back', () => lab.broker.waiting('celery'), { holds: (now) => now === 1 });
  await channel.assertQueue('local', { durable: true });
  await until('it is in the queue local', () => taken(channel), { withinMs: 30_000 });
  await lab.drained();
});

test('a built-in task of Celery is acknowledged', async ({ lab, bridge }) => {
  await lab.publish({ task: 'celery.ping' });
  await until('it is acknowledged', () => bridge.metric('dockerrun_bridge_messages_total', 'builtIn'));
});

test('a queue that does not exist is served as soon as it does', async ({ lab, channel, bridge }) => {
  await channel.deleteQueue('celery');
  await until('it waits', () => bridge.log.includes('the queue does not exist yet'));
  await channel.assertQueue('celery', { durable: true });
  const taskId = await lab.publish({ job: await lab.job() });
  await lab.run(taskId);
});

test('the replicas answer what the page of workers asks, without tokens', async ({ lab, channel }) => {
  const job = await lab.job();
  const taskId = await lab.publish({ job });
  await lab.run(taskId);
  await lab.jobIs(job, 2);
  const waiting = await ask(channel, 'reserved');
  const [name = ''] = Object.keys(waiting);
  assert.match(name, /^dockerrun@/);
  const listed = (answer: object) => JSON.stringify(answer).includes(taskId);
  assert.ok(listed(waiting));
  await lab.report(taskId, { phase: 'Running', reason: 'Running', message: 'Running.', attempts: 1 });
  await until('it is active', () => ask(channel, 'active'), { holds: listed });
  assert.not.ok(listed(await ask(channel, 'reserved')));
  assert.equal(recordAt(await ask(channel, 'ping'), name), { ok: 'pong' });
  assert.match(String(recordAt(await ask(channel, 'report'), name)['ok']), /DockerRun/);
  const stats = recordAt(await ask(channel, 'stats'), name);
  assert.ok(Number(Object.values(recordAt(stats, 'total'))[0]) > 0);
  assert.not.ok(JSON.stringify(await ask(channel, 'active')).includes(job.token));
});

test('a broadcast about a cancel makes the bridge look at the job at once', async ({ lab, channel }) => {
  const job = await lab.job();
  const taskId = await lab.publish({ job });
  await lab.run(taskId);
  await lab.jobIs(job, 2);
  await cancelJob(job.jobId);
  const revoke = { method: 'revoke', arguments: { task_id: taskId, terminate: false, signal: null } };
  channel.publish('celery.pidbox', '', Buffer.from(JSON.stringify(revoke)), {
    contentType: 'application/json',
  });
  await lab.plane.client.until(lab.pathOf(taskId), 'cancelled', {
    holds: (run) => recordAt(run, 'spec')['cancel'] === true,
  });
});

/** The next message of the queue of foreign tasks. */
async function taken(channel: Channel): Promise<GetMessage | undefined> {
  return (await channel.get('local', { noAck: true })) || undefined;
}

/** Asks as Girder does, and returns the first answer. */
async function ask(channel: Channel, method: string): Promise<Record<string, unknown>> {
  const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true });
  await channel.bindQueue(queue, 'reply.celery.pidbox', queue);
  const answer = Promise.withResolvers<ConsumeMessage>();
  await channel.consume(queue, (message) => message && answer.resolve(message), { noAck: true });
  const ticket = randomUUID();
  const replyTo = { exchange: 'reply.celery.pidbox', routing_key: queue };
  const request = {
    method,
    arguments: {},
    destination: null,
    pattern: null,
    matcher: null,
    ticket,
    reply_to: replyTo,
  };
  channel.publish('celery.pidbox', '', Buffer.from(JSON.stringify(request)), {
    contentType: 'application/json',
  });
  const late = setTimeout(() => answer.reject(new Error(`no answer to ${method}`)), 60_000);
  const { content, properties } = await answer.promise.finally(() => clearTimeout(late));
  await channel.deleteQueue(queue);
  assert.is(recordAt(properties, 'headers')['ticket'], ticket);
  return JSON.parse(content.toString('utf8')) as Record<string, unknown>;
}

test.run();
