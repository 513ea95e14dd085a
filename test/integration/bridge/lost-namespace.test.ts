import * as assert from 'uvu/assert';
import { parseObjectMeta } from '../../../src/kube/json.ts';
import { paths } from '../../../src/kube/paths.ts';
import { logOf, type MadeJob } from '../../e2e/support/girder-job.ts';
import { suite } from '../../fixtures/suite.ts';
import { until } from '../../fixtures/until.ts';
import { BridgeLab, type BridgeProcess } from './bridge-lab.ts';
import { BridgeRights } from './bridge-rights.ts';
import { leasePath } from './kill-tests.ts';

type Context = { lab: BridgeLab; rights: BridgeRights; bridge: BridgeProcess };
const test = suite<Context>('a namespace of a queue that does not exist');

const queues = [
  { queue: 'celery', namespace: 'default' },
  { queue: 'gpu', namespace: 'lab' },
];

test.before(async (context) => {
  context.lab = await BridgeLab.start();
  context.rights = await BridgeRights.create(context.lab.plane);
  const channel = await context.lab.broker.channel();
  await channel.assertQueue('gpu', { durable: true });
  await channel.close();
});

test.after(async ({ lab }) => {
  await lab[Symbol.asyncDispose]();
});

function start(lab: BridgeLab, { kubeconfig }: BridgeRights): Promise<BridgeProcess> {
  // The user of the bridge may read its own queues only.
  return lab.bridge({ queues }, { kubeconfig, broker: lab.broker.url('girder') });
}

/** A task of the queue whose namespace comes and goes. */
async function publish(lab: BridgeLab): Promise<{ job: MadeJob; taskId: string }> {
  const job = await lab.job();
  return { job, taskId: await lab.publish({ job, queue: 'gpu' }) };
}

/** A task of the other queue becomes a run, and its job is RUNNING. */
async function isOtherServed(lab: BridgeLab): Promise<void> {
  const job = await lab.job();
  await lab.run(await lab.publish({ job }));
  await lab.jobIs(job, 2);
}

const isHeld = (bridge: BridgeProcess) => bridge.metric('dockerrun_bridge_held', '"namespace"');

async function removeRun({ plane }: BridgeLab, taskId: string): Promise<void> {
  await plane.client.delete(`${paths.secrets('lab')}/girder-${taskId}`);
  await plane.client.delete(`${paths.dockerRuns('lab')}/girder-${taskId}`);
}

test('a replica that starts without it is ready for the other queues, and serves its queue once it is there', async (context) => {
  const { lab, rights } = context;
  const bridge = (context.bridge = await start(lab, rights));
  const { job, taskId } = await publish(lab);
  await isOtherServed(lab);
  assert.is(await isHeld(bridge), 1);
  assert.is(await lab.broker.waiting('gpu'), 1);
  assert.match(bridge.log, /"namespace":"lab".*the namespace of a queue cannot be used/);
  await rights.addNamespace('lab');
  await lab.plane.client.until(`${paths.dockerRuns('lab')}/girder-${taskId}`, 'created', {
    withinMs: 60_000,
  });
  await lab.jobIs(job, 2);
  assert.is(await isHeld(bridge), 0);
  await removeRun(lab, taskId);
  await lab.jobIs(job, 5);
});

test('one that is deleted while a replica runs holds up its own queue only, until it is back', async ({
  lab,
  rights,
  bridge,
}) => {
  await rights.removeNamespace('lab');
  const { job, taskId } = await publish(lab);
  await until('its queue is held', () => isHeld(bridge), { withinMs: 60_000 });
  await isOtherServed(lab);
  assert.ok(await bridge.isReady());
  await rights.addNamespace('lab');
  await lab.plane.client.until(`${paths.dockerRuns('lab')}/girder-${taskId}`, 'created', {
    withinMs: 90_000,
  });
  await lab.jobIs(job, 2);
  await lab.drained('gpu');
});

test('the job of a run that was deleted with it while no replica ran ends when it is back', async ({
  lab,
  rights,
  bridge,
}) => {
  const { job } = await publish(lab);
  await lab.jobIs(job, 2);
  await lab.isOpen(job);
  await bridge.kill();
  await lab.plane.client.delete(leasePath);
  for (const run of await lab.plane.client.list(paths.dockerRuns('lab')))
    await removeRun(lab, parseObjectMeta(run).key.replace('lab/girder-', ''));
  await rights.removeNamespace('lab');
  await start(lab, rights);
  await isOtherServed(lab);
  await rights.addNamespace('lab');
  await lab.jobIs(job, 5, 60_000);
  assert.match(await logOf(job.jobId), /The DockerRun lab\/girder-.* was deleted\.\n$/);
  await lab.isOpen(job, false);
});

test.run();
