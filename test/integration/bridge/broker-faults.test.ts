import * as assert from 'uvu/assert';
import { readFileSync } from 'node:fs';
import { severalJobs, type MadeJob } from '../../e2e/support/girder-job.ts';
import { AmqpProxy } from '../../fixtures/amqp-proxy.ts';
import { suite } from '../../fixtures/suite.ts';
import { TcpProxy } from '../../fixtures/tcp-proxy.ts';
import { until } from '../../fixtures/until.ts';
import { girderEnvironment } from '../girder/real-girder.ts';
import { BridgeLab } from './bridge-lab.ts';

const test = suite<{ lab: BridgeLab }>('faults around the bridge');

test.before(async (context) => {
  context.lab = await BridgeLab.start();
});

test.after(async ({ lab }) => {
  await lab[Symbol.asyncDispose]();
});

test('a broker that is killed and comes back loses and doubles no message', async ({ lab }) => {
  await using bridge = await lab.bridge();
  await lab.run(await lab.publish({ job: await lab.job() }));
  await lab.broker.restart(() => bridge.ready(false));
  const taskId = await lab.publish({ job: await lab.job() });
  await bridge.ready();
  await lab.run(taskId);
  await lab.drained();
  await bridge.stop();
});

test('a connection to the broker that goes silent is replaced, and the message in work comes again', async ({
  lab,
}) => {
  const url = new URL(lab.broker.url('bridge'));
  await using proxy = await TcpProxy.start(new URL(`http://${url.host}`));
  await using bridge = await lab.bridge(
    {},
    { broker: lab.broker.url('bridge').replace(url.host, proxy.url.host) },
  );
  proxy.swallow();
  const job = await lab.job();
  const taskId = await lab.publish({ job });
  await bridge.ready(false);
  proxy.heal();
  await lab.run(taskId);
  await lab.jobIs(job, 2);
  await bridge.stop();
});

test('while Girder is away, messages stay in RabbitMQ, and none is lost', async ({ lab }) => {
  const girder = new URL(girderEnvironment().apiUrl);
  await using proxy = await TcpProxy.start(girder);
  proxy.swallow();
  await using bridge = await lab.bridge(
    {},
    { girder: `http://127.0.0.1:${proxy.url.port}${girder.pathname}` },
  );
  const jobs = [await lab.job(), await lab.job(), await lab.job()];
  const ids = await lab.publishAll(jobs.map((job) => ({ job })));
  await until('it waits for Girder', () => bridge.metric('dockerrun_bridge_held', '"girder"'), {
    withinMs: 90_000,
  });
  await until('all are back', () => lab.broker.waiting('celery'), {
    holds: (now) => now === 3,
    withinMs: 60_000,
  });
  proxy.heal();
  for (const taskId of ids) await lab.run(taskId, 120_000);
  for (const job of jobs) await lab.jobIs(job, 2, 60_000);
  await lab.drained();
  await bridge.stop();
});

test('while the API server is away, messages stay in RabbitMQ, and none is lost', async ({ lab }) => {
  await using bridge = await lab.bridge();
  await lab.plane.kill();
  const job = await lab.job();
  const taskId = await lab.publish({ job });
  await until('it waits', () => bridge.metric('dockerrun_bridge_held', '"kubernetes"'), { withinMs: 90_000 });
  await until('it is back', () => lab.broker.waiting('celery'), {
    holds: (now) => now === 1,
    withinMs: 60_000,
  });
  await lab.plane.restart();
  await lab.run(taskId, 120_000);
  await lab.jobIs(job, 2);
  await bridge.stop();
});

test('a bridge that is killed again and again loses and doubles no message', async ({ lab }) => {
  const tasks = 16;
  const jobs = await severalJobs(
    Array.from({ length: tasks }, () => ({ handler: 'celery_handler' as const, celeryTaskId: 'none' })),
  );
  const before = (await lab.runs()).length;
  const ids: string[] = [];
  let lives = 0;
  await until(
    'all messages are taken',
    async () => {
      lives += 1;
      const next = jobs.slice(ids.length, lives * 4);
      ids.push(...(await lab.publishAll(next.map((job: MadeJob) => ({ job })))));
      await using bridge = await lab.bridge();
      // Each life ends a few messages later, in the middle of whatever it does then.
      const wanted = Math.min(tasks, lives * 4);
      await until('some runs', async () => (await lab.runs()).length - before, {
        holds: (now) => now >= wanted,
        everyMs: 5,
        withinMs: 90_000,
      });
      await bridge.kill();
      return (await lab.runs()).length - before >= tasks;
    },
    { withinMs: 240_000 },
  );
  assert.ok(lives > 1, `${lives} lives`);
  await using last = await lab.bridge();
  for (const taskId of ids) await lab.run(taskId);
  await lab.drained();
  assert.is((await lab.runs()).length - before, tasks);
  for (const job of jobs) await lab.jobIs(job, 2);
  assert.ok(last.isRunning);
});

test('a task whose new queue is deleted while it moves there is in its own queue again', async ({ lab }) => {
  await using proxy = await AmqpProxy.start(lab.broker.url('bridge'));
  await using bridge = await lab.bridge({ foreignQueue: 'local' }, { broker: proxy.url });
  const channel = await lab.broker.channel();
  // The bridge has seen that the queue exists.
  proxy.at({ from: 'client', method: 'publish', when: 'before' }, () => channel.deleteQueue('local'));
  await lab.publish({ task: 'other.task' });
  await until('it waits', () => bridge.metric('dockerrun_bridge_held', '"forwarding"'));
  await channel.assertQueue('local', { durable: true });
  await until('it is there', () => lab.broker.waiting('local'), { withinMs: 90_000 });
  await lab.drained();
  assert.is((await channel.purgeQueue('local')).messageCount, 1);
  await channel.close();
  await bridge.stop();
});

test('of 5,000 messages at once, only so many are taken as runs may be unfinished', async ({ lab }) => {
  const other = 20 + (await lab.runs()).length;
  await using bridge = await lab.bridge({ maxRuns: other });
  await lab.publishAll(Array.from({ length: 5_000 }, () => ({})));
  await until('the limit is reached', () => bridge.metric('dockerrun_bridge_held', '"capacity"'), {
    withinMs: 90_000,
  });
  const runs = await until('all are created', async () => (await lab.runs()).length, {
    holds: (now) => now >= other,
    withinMs: 90_000,
  });
  assert.ok(runs <= other + 8, `${runs} runs, of ${other}`);
  const rest = 5_000 - 20 - (runs - other);
  await until('the rest waits', () => lab.broker.waiting('celery'), {
    holds: (now) => now === rest,
    withinMs: 90_000,
  });
  const peak =
    Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${bridge.pid}/status`, 'utf8'))?.[1]) / 1024;
  assert.ok(peak < 256, `${peak} MiB`);
  const ended = { phase: 'Succeeded', completionTime: '2026-01-01T00:00:00Z', observedGeneration: 1 };
  const [first = ''] = (await lab.runs()).filter((name) => name.startsWith('girder-'));
  await lab.report(first.replace('girder-', ''), ended);
  await until('one more is taken', async () => (await lab.runs()).length, {
    holds: (now) => now === runs + 1,
  });
  await bridge.stop();
});

test.run();
