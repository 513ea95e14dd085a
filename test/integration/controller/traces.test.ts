import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { listAt, recordAt, textAt } from '../../../src/kube/json.ts';
import { rootSpanOf, traceparent } from '../../../src/support/trace/trace.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { TraceReceiver } from '../../fixtures/trace-receiver.ts';
import { createRun, jobMadeIn } from '../../fixtures/replicas.ts';
import { ScriptedRun, succeeded } from '../../fixtures/scripted-run.ts';
import { SimulatedCluster } from '../../fixtures/simulated-cluster.ts';

const test = suite<{ plane: ControlPlane }>('traces of the controller');

test.before(async (context) => {
  context.plane = await startControlPlane();
});
test.after(({ plane }) => plane.close());

function start(plane: ControlPlane, { endpoint }: TraceReceiver): Promise<ControllerProcess> {
  return ControllerProcess.start(plane.kubeconfig, {
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer hidden',
  });
}

test('one trace has all spans of a run, also when another controller ends it', async ({ plane }) => {
  await using receiver = await TraceReceiver.open();
  await using first = await start(plane, receiver);
  await using cluster = await SimulatedCluster.start(plane);
  const run = new ScriptedRun(cluster, 'traced', 'default');
  await run.apply();
  const root = rootSpanOf(run.uid);
  await run.hasJob();
  await receiver.received(['create Job']);
  await first.stop();
  const created = receiver.span('create Job');
  assert.is(created.traceId, root.traceId);
  assert.is(created.parentSpanId, root.spanId);
  assert.is(created.resource['service.name'], 'dockerrun-controller');

  await using second = await start(plane, receiver);
  await run.podRuns(1);
  await run.podEnds(1, succeeded);
  await run.is(['Succeeded']);
  await run.hasOneJob();
  await receiver.received(['DockerRun']);
  await second.stop();
  const whole = receiver.span('DockerRun');
  assert.equal([whole.traceId, whole.spanId, whole.parentSpanId], [root.traceId, root.spanId, undefined]);
  assert.ok(receiver.spans.every(({ traceId }) => traceId === root.traceId));
  assert.ok(whole.startMs <= created.startMs && whole.endMs >= whole.startMs);
  assert.is(whole.isError, false);
  const { attributes } = whole;
  assert.is(attributes['dockerrun.run.name'], 'traced');
  assert.is(attributes['k8s.namespace.name'], 'default');
  assert.is(attributes['container.image.name'], 'busybox');
  assert.is(attributes['dockerrun.reason'], 'Succeeded');
  assert.equal(Number(attributes['process.exit.code']), 0);
});

test('the pod of a run gets its trace, but not the controller’s credentials for the collector', async ({
  plane,
}) => {
  await using receiver = await TraceReceiver.open();
  await using controller = await start(plane, receiver);
  await using cluster = await SimulatedCluster.start(plane);
  const run = new ScriptedRun(cluster, 'traced-pod', 'default');
  await run.apply();
  await run.hasJob();
  await receiver.received(['create Job']);
  await controller.stop();
  await run.hasOneJob();
  const job = await plane.client.get(run.jobPath);
  const template = recordAt(recordAt(recordAt(job, 'spec'), 'template'), 'spec');
  const env = listAt(listAt(template, 'containers')[0], 'env');
  const value = (name: string) =>
    textAt(
      env.find((one) => textAt(one, 'name') === name),
      'value',
    );
  assert.is(value('TRACEPARENT'), traceparent(rootSpanOf(run.uid)));
  assert.is(value('OTEL_EXPORTER_OTLP_ENDPOINT'), receiver.endpoint);
  assert.is(receiver.requests[0]?.headers.authorization, 'Bearer hidden');
  assert.not.match(JSON.stringify(job), 'hidden');
});

test('a controller that is stopped sends its remaining spans', async ({ plane }) => {
  await using receiver = await TraceReceiver.open();
  const hasArrived = () => receiver.spans.some(({ name }) => name === 'create Job');
  // It waits only 2 s for the collector, which a busy machine may need: one of three must succeed.
  for (let turn = 1; turn <= 3 && !hasArrived(); turn += 1) {
    await using controller = await start(plane, receiver);
    await jobMadeIn(plane.client, await createRun(plane.client, `sent-late-${turn}`), 30_000);
    await controller.stop();
  }
  assert.ok(hasArrived());
});

test('a collector that never answers delays no run, and does not keep the controller from stopping', async ({
  plane,
}) => {
  await using receiver = await TraceReceiver.open();
  receiver.manner = 'hangs';
  await using controller = await start(plane, receiver);
  await jobMadeIn(plane.client, await createRun(plane.client, 'unanswered'), 30_000);
  const stopping = performance.now();
  await controller.stop();
  assert.is(controller.exitCode, 0);
  assert.ok(performance.now() - stopping < 30_000);
});

test.run();
