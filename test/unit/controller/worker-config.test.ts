import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readWorkerTracing, tracingEnvironment } from '../../../src/controller/job/worker-config.ts';
import { rootSpanOf, traceparent } from '../../../src/support/trace/trace.ts';

const endpoint = 'http://collector.monitoring:4318';
const run = { namespace: 'lab', uid: 'b1f4c0de-1111-4222-8333-0123456789ab' };

/** The values that a worker gets when the controller has these variables. */
function given(environment: Record<string, string>): Map<string, string | undefined> {
  const variables = tracingEnvironment(run, readWorkerTracing(environment));
  return new Map(
    variables.map(({ name, value, valueFrom }) => [name, value ?? valueFrom?.fieldRef?.fieldPath]),
  );
}

test('a worker gets nothing of tracing from a controller that does not trace', () => {
  assert.is(given({}).size, 0);
  assert.is(given({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_EXPORTER: 'none' }).size, 0);
  assert.is(given({ DOCKERRUN_WORKER_OTLP_ENDPOINT: endpoint }).size, 0);
});

test('a worker sends to where the controller does, below the root of its run', () => {
  const variables = given({
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  });
  assert.is(variables.get('OTEL_EXPORTER_OTLP_ENDPOINT'), endpoint);
  assert.is(variables.get('OTEL_EXPORTER_OTLP_PROTOCOL'), 'http/json');
  assert.is(variables.get('TRACEPARENT'), traceparent(rootSpanOf(run.uid)));
});

test('an endpoint for traces stays one, and workers can have another', () => {
  const own = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${endpoint}/custom` };
  assert.is(given(own).get('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'), `${endpoint}/custom`);
  const other = given({ ...own, DOCKERRUN_WORKER_OTLP_ENDPOINT: 'http://node:4318' });
  assert.is(other.get('OTEL_EXPORTER_OTLP_ENDPOINT'), 'http://node:4318');
  assert.not.ok(other.has('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'));
});

test('the headers of the controller, which hold credentials, reach no pod', () => {
  const headers = {
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer hidden',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-key=hidden',
  };
  const variables = given({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...headers });
  assert.not.match(JSON.stringify([...variables]), 'hidden');
});

test('an endpoint that holds credentials reaches no pod, unless workers have one of their own', () => {
  for (const own of ['https://user:hidden@collector:4318', 'https://collector/v1/traces?key=hidden']) {
    assert.is(given({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: own }).size, 0);
    const both = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: own, DOCKERRUN_WORKER_OTLP_ENDPOINT: endpoint };
    assert.is(given(both).get('OTEL_EXPORTER_OTLP_ENDPOINT'), endpoint);
  }
});

test('a worker says where it runs, and what is true of the whole installation', () => {
  const attributes = 'deployment.environment.name=pre$(x), k8s.pod.name=controller-0,service.version=1,junk';
  const variables = given({
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_RESOURCE_ATTRIBUTES: attributes,
  });
  assert.is(
    variables.get('OTEL_RESOURCE_ATTRIBUTES'),
    'deployment.environment.name=pre$$(x),k8s.namespace.name=lab' +
      ',k8s.pod.name=$(OTEL_RESOURCE_ATTRIBUTES_POD_NAME),k8s.node.name=$(OTEL_RESOURCE_ATTRIBUTES_NODE_NAME)' +
      ',k8s.job.name=$(OTEL_RESOURCE_ATTRIBUTES_JOB_NAME)',
  );
  assert.is(variables.get('OTEL_RESOURCE_ATTRIBUTES_POD_NAME'), 'metadata.name');
  const names = [...variables.keys()];
  const isBefore = (name: string) => names.indexOf(name) < names.indexOf('OTEL_RESOURCE_ATTRIBUTES');
  assert.ok(isBefore('OTEL_RESOURCE_ATTRIBUTES_POD_NAME'), 'the kubelet expands only what is defined before');
});

test('the worker of a run that is not sampled gets nothing', () => {
  const sampler = { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' };
  assert.is(given({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...sampler }).size, 0);
});

test.run();
