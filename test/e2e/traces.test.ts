import { randomUUID } from 'node:crypto';
import { suite } from '../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { acceptRun } from '../../src/cli/offline/validation.ts';
import { desiredJob } from '../../src/controller/job/job.ts';
import { readWorkerTracing } from '../../src/controller/job/worker-config.ts';
import { rootSpanOf, traceparent } from '../../src/support/trace/trace.ts';
import { TraceReceiver } from '../fixtures/trace-receiver.ts';
import { environment } from './support/environment.ts';
import { aFile, anItem } from './support/girder.ts';
import { Lab, withoutWarnings } from './support/runs.ts';

/** For a pod to start and end on a busy machine. */
const attemptMs = 120_000;

const test = suite<{ lab: Lab; receiver: TraceReceiver }>('traces');

test.before(async (context) => {
  context.lab = await Lab.open('traces');
  // Pods can reach the receiver at the address of Girder.
  context.receiver = await TraceReceiver.open(new URL(environment('GIRDER_API_URL')).hostname);
});
test.after(async ({ lab, receiver }) => {
  await lab.close();
  await receiver[Symbol.asyncDispose]();
});

/**
 * Runs the Job that a controller with a trace endpoint would create for a run. The cluster's own controller
 * has no endpoint, and it ignores a Job without an owning DockerRun.
 */
async function runJob(
  { lab, receiver }: { lab: Lab; receiver: TraceReceiver },
  name: string,
  { spec, spans }: { spec: Record<string, unknown>; spans: readonly string[] },
): Promise<{ uid: string; pod: string }> {
  const manifest = { apiVersion: 'dockerrun.dev/v1alpha1', kind: 'DockerRun', metadata: { name } };
  const image = { image: 'busybox:local', imagePullPolicy: 'Never' };
  const accepted = acceptRun({ ...manifest, spec: { ...image, ...spec } }, name);
  const uid = randomUUID();
  const creationTimestamp = new Date().toISOString();
  const metadata = { name, namespace: lab.namespace, uid, generation: 1, creationTimestamp };
  const job = desiredJob({ metadata, spec: accepted.spec }, workerConfig(receiver), {});
  const { ownerReferences: _, ...free } = job.metadata ?? {};
  const { code, stderr } = await lab.apply({ ...job, metadata: free });
  assert.is(code, 0, stderr);
  await receiver.received(['attempt', ...spans], attemptMs);
  const pod = await lab.kubectl('get', 'pods', '-l', `dockerrun.dev/run-uid=${uid}`, '-o', 'name');
  return { uid, pod: pod.trim().replace('pod/', '') };
}

function workerConfig({ endpoint }: TraceReceiver) {
  const tracing = readWorkerTracing({
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  });
  assert.ok(tracing !== undefined);
  return {
    image: environment('DOCKERRUN_IMAGE'),
    imagePullPolicy: 'Never',
    imagePullSecrets: [],
    dockerSocket: environment('DOCKERRUN_DOCKER_SOCKET'),
    kubeletRoot: environment('DOCKERRUN_KUBELET_ROOT'),
    cgroupRoot: '/',
    onReadyNodes: false,
    logLevel: 'warn',
    tracing,
  };
}

test('a run with a download and an upload is one trace of its worker, which the target can continue', async (context) => {
  const { lab, receiver } = context;
  const [fileId, itemId] = [await aFile('in.txt', Buffer.from('hello')), await anItem('out')];
  const spec = {
    command: ['sh', '-c', 'echo "$TRACEPARENT"; cat $(in) $(in) > $(out) # not-for-traces'],
    transforms: [
      { name: 'in', girderFileIdToVolume: { fileId } },
      { name: 'out', volumePath: { filename: 'out.txt' } },
    ],
    girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath: 'out', itemId } }],
    girder: { apiUrl: environment('GIRDER_API_URL'), credentialsSecretRef: { name: 'girder' } },
  };
  const expected = [
    'attempt > clean up',
    'attempt > prepare',
    'attempt > run target',
    'attempt > upload',
    'prepare > check destinations',
    'prepare > download',
    'prepare > pull image',
    'root > attempt',
    'run target > create container',
    'run target > run container',
    'run target > start container',
  ];
  const names = expected.map((edge) => edge.split(' > ')[1] ?? '');
  const { uid, pod } = await runJob(context, 'traced', { spec, spans: names });

  const root = rootSpanOf(uid);
  const spans = receiver.spans.filter(({ traceId }) => traceId === root.traceId);
  const attempt = receiver.span('attempt');
  assert.is(attempt.parentSpanId, root.spanId);
  const parents = new Map(spans.map(({ spanId, name }) => [spanId, name]));
  const tree = spans.map(({ name, parentSpanId = '' }) => `${parents.get(parentSpanId) ?? 'root'} > ${name}`);
  assert.equal(tree.toSorted(), expected);
  assert.equal(Number(receiver.span('download').attributes['dockerrun.bytes']), 5);
  assert.equal(Number(receiver.span('upload').attributes['dockerrun.bytes']), 10);
  assert.is(attempt.resource['k8s.pod.name'], pod);
  assert.is(attempt.resource['k8s.namespace.name'], lab.namespace);
  assert.match(String(attempt.resource['k8s.job.name']), /^traced-/);
  assert.match(String(attempt.resource['k8s.node.name']), /./);
  // The spans may arrive before the kubelet has reported the end of the pod.
  await lab.kubectl('wait', `pod/${pod}`, '--for=jsonpath={.status.phase}=Succeeded', '--timeout=2m');
  const log = withoutWarnings(await lab.kubectl('logs', pod));
  assert.is(log.trim(), traceparent(receiver.span('run target')));

  const everything = receiver.requests.map(({ body }) => body.toString()).join('\n');
  assert.not.match(everything, environment('GIRDER_API_KEY'));
  assert.not.match(everything, 'not-for-traces');
});

test('a target that fails is an error in the trace, with the reason and its exit code', async (context) => {
  await using receiver = await TraceReceiver.open(new URL(environment('GIRDER_API_URL')).hostname);
  const spec = { command: ['sh', '-c', 'exit 3'] };
  await runJob({ ...context, receiver }, 'failed', { spec, spans: ['run target', 'run container'] });
  const failed = receiver.spans.filter(({ isError }) => isError).map(({ name }) => name);
  assert.equal(failed.toSorted(), ['attempt', 'run target']);
  assert.is(receiver.span('attempt').attributes['error.type'], 'TargetFailed');
  assert.equal(Number(receiver.span('run container').attributes['process.exit.code']), 3);
});

test.run();
