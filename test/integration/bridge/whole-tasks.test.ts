import * as assert from 'uvu/assert';
import { parseMetadata } from '../../../src/api/docker-run.ts';
import { recordAt } from '../../../src/kube/json.ts';
import { rootSpanOf } from '../../../src/support/trace/trace.ts';
import { logOf } from '../../e2e/support/girder-job.ts';
import { suite } from '../../fixtures/suite.ts';
import { TraceReceiver } from '../../fixtures/trace-receiver.ts';
import { until } from '../../fixtures/until.ts';
import { BridgeLab } from './bridge-lab.ts';

const test = suite<{ lab: BridgeLab; traces: TraceReceiver }>('the bridge of the image');

test.before(async (context) => {
  context.lab = await BridgeLab.start();
  const queues = [
    { queue: 'celery', namespace: 'default', nodeSelector: { gpu: 'true' }, ttlSecondsAfterFinished: 60 },
  ];
  context.traces = await TraceReceiver.open();
  await context.lab.bridge({ queues }, { reads: 'messages', traces: context.traces.endpoint });
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
  const response = await fetch(`${process.env['GIRDER_API_URL']}/job/${job.jobId}?status=824`, {
    method: 'PUT',
    headers: { 'Girder-Token': job.token },
  });
  assert.ok(response.ok);
  const channel = await lab.broker.channel();
  const revoke = { method: 'revoke', arguments: { task_id: [taskId], terminate: true } };
  channel.publish('celery.pidbox', '', Buffer.from(JSON.stringify(revoke)), {
    contentType: 'application/json',
  });
  await channel.close();
  await until('the run is cancelled', () => lab.plane.client.get(lab.pathOf(taskId)), {
    holds: (run) => recordAt(run, 'spec')['cancel'] === true,
    withinMs: 20_000,
  });
});

test.run();
