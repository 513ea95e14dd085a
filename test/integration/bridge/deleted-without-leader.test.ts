import * as assert from 'uvu/assert';
import { logOf } from '../../e2e/support/girder-job.ts';
import { suite } from '../../fixtures/suite.ts';
import { until } from '../../fixtures/until.ts';
import { BridgeLab } from './bridge-lab.ts';

const test = suite<{ lab: BridgeLab }>('a run that is deleted while no replica leads');

test.before(async (context) => {
  context.lab = await BridgeLab.start();
});

test.after(async ({ lab }) => {
  await lab[Symbol.asyncDispose]();
});

test('the replica that leads next ends its job, although its Secret is gone', async ({ lab }) => {
  const replicas = [await lab.bridge(), await lab.bridge()];
  const job = await lab.job();
  const taskId = await lab.publish({ job });
  await lab.run(taskId);
  await lab.jobIs(job, 2);
  const leads = await Promise.all(replicas.map((replica) => replica.metric('dockerrun_bridge_leading')));
  const [leader, other] = leads[0] === 1 ? replicas : replicas.toReversed();
  await until('the other one knows the job', () => other?.metric('dockerrun_bridge_known_jobs'), {
    holds: (known) => known === 1,
  });
  await leader?.kill();
  await lab.plane.client.delete(lab.secretOf(taskId));
  await lab.plane.client.delete(lab.pathOf(taskId));
  await lab.jobIs(job, 5, 60_000);
  assert.match(await logOf(job.jobId), /The DockerRun default\/girder-.* was deleted\.\n$/);
});

test.run();
