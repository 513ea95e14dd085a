import * as assert from 'uvu/assert';
import { ApiProxy } from '../../fixtures/api-proxy.ts';
import { FaultProxy } from '../../fixtures/fault-proxy.ts';
import { suite } from '../../fixtures/suite.ts';
import { until } from '../../fixtures/until.ts';
import { girderEnvironment } from '../girder/real-girder.ts';
import { BridgeLab, type BridgeProcess } from './bridge-lab.ts';

/** RabbitMQ's own limit, of 30 minutes as shipped; it looks at the deliveries of a channel once in the other time. */
const timeoutMs = 3_000;
// It closes the channel again at the next look if the client has not answered by then, which ends the connection.
const tickMs = 6_000;

const test = suite<{ lab: BridgeLab }>('a broker that waits for no acknowledgement');

test.before(async (context) => {
  const lines = [`consumer_timeout = ${timeoutMs}`];
  context.lab = await BridgeLab.start({ lines, tuning: { channel_tick_interval: tickMs } });
});

test.after(async ({ lab }) => {
  await lab[Symbol.asyncDispose]();
});

const closed = (bridge: BridgeProcess) =>
  until('RabbitMQ closes the channel', () => /delivery acknowledgement.*timed out/.test(bridge.log), {
    withinMs: 60_000,
    context: () => bridge.log.slice(-2_000),
  });

test('a message that is held because Girder does not answer comes again, and is one run', async ({ lab }) => {
  await using girder = await FaultProxy.start(girderEnvironment().apiUrl);
  await using bridge = await lab.bridge({}, { girder: girder.url });
  const job = await lab.job();
  girder.fail('PUT', job.jobId, { silence: true });
  const taskId = await lab.publish({ job });
  await closed(bridge);
  await lab.run(taskId, 90_000);
  await lab.jobIs(job, 2, 60_000);
  await lab.drained();
  assert.is((await lab.runs()).length, 1);
  await bridge.stop();
});

test('a message that is held because the API server does not answer comes again, and is one run', async ({
  lab,
}) => {
  await using api = await ApiProxy.start(lab.plane);
  await using bridge = await lab.bridge({}, { kubeconfig: lab.plane.kubeconfigFor(api.url) });
  const [before, job] = [(await lab.runs()).length, await lab.job()];
  const release = Promise.withResolvers<void>();
  api.fail('create', 'dockerruns', { heldUntil: release.promise });
  const taskId = await lab.publish({ job });
  await closed(bridge);
  // The first delivery continues, and its acknowledgement is on a channel that has ended.
  release.resolve();
  await lab.run(taskId, 90_000);
  await lab.jobIs(job, 2, 60_000);
  await lab.drained();
  assert.is((await lab.runs()).length, before + 1);
  // The channel that replaced it takes messages as before.
  await lab.run(await lab.publish({ job: await lab.job() }), 60_000);
  await bridge.stop();
});

test.run();
