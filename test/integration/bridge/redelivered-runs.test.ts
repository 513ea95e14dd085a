import * as assert from 'uvu/assert';
import { parseObjectMeta } from '../../../src/kube/json.ts';
import { logOf } from '../../e2e/support/girder-job.ts';
import { suite } from '../../fixtures/suite.ts';
import { until } from '../../fixtures/until.ts';
import { BridgeLab } from './bridge-lab.ts';
import { WiredReplica } from './wired-replica.ts';

const test = suite<{ lab: BridgeLab }>('runs that a second delivery of their message completes');

test.before(async (context) => {
  context.lab = await BridgeLab.start();
});

test.after(async ({ lab }) => {
  await lab[Symbol.asyncDispose]();
});

test('a run that was deleted before its Secret existed, and is made again, is followed at once', async ({
  lab,
}) => {
  await using replica = await WiredReplica.start(lab);
  const { api, bridge } = replica;
  api.fail('create', 'secrets', { status: 500, reason: 'InternalError' }, Infinity);
  const job = await lab.job();
  const taskId = await lab.publish({ job });
  const uidNow = async () => parseObjectMeta(await lab.plane.client.get(lab.pathOf(taskId))).uid;
  const first = await until('the first run is there', uidNow, { withinMs: 90_000 });
  await until('the leader has looked for its token', () => bridge.log, {
    holds: (log) => /"step":"Look".*is missing/.test(log),
  });
  await lab.plane.client.delete(lab.pathOf(taskId));
  await until('the message has made another run', uidNow, {
    holds: (uid) => uid !== first,
    withinMs: 90_000,
  });
  replica.heal();
  await lab.jobIs(job, 2);
  await lab.drained();
  assert.is((await logOf(job.jobId)).match(/Runs on Kubernetes/g)?.length, 1);
});

test.run();
