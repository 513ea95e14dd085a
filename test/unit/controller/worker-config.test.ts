import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readWorkerTracing, tracingEnvironment } from '../../../src/controller/job/worker-config.ts';
import { rootSpanOf, traceparent } from '../../../src/support/trace/trace.ts';

const endpoint = 'http://collector.monitoring:4318';
const run = { namespace: 'lab', uid: 'b1f4c0de-1111-4222-8333-0123456789ab' };

/** The variables of a worker when the controller has these. */
function variablesOf(environment: Record<string, string>): Map<string, string | undefined> {
  const variables = tracingEnvironment(run, readWorkerTracing(environment));
  return new Map(
    variables.map(({ name, value, valueFrom }) => [name, value ?? valueFrom?.fieldRef?.fieldPath]),
  );
}

test('without tracing of the controller, a worker gets no variables', () => {
  assert.is(variablesOf({}).size, 0);
  assert.is(variablesOf({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_EXPORTER: 'none' }).size, 0);
  assert.is(variablesOf({ DOCKERRUN_WORKER_OTLP_ENDPOINT: endpoint }).size, 0);
});

test('a worker sends its spans to the endpoint of the controller, in the trace of its run', () => {
  const variables = variablesOf({
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  });
  assert.is(variables.get('OTEL_EXPORTER_OTLP_ENDPOINT'), endpoint);
  assert.is(variables.get('OTEL_EXPORTER_OTLP_PROTOCOL'), 'http/json');
  assert.is(variables.get('TRACEPARENT'), traceparent(rootSpanOf(run.uid)));
});

test('an endpoint for traces alone is passed on as such, and workers can have another one', () => {
  const own = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${endpoint}/custom` };
  assert.is(variablesOf(own).get('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'), `${endpoint}/custom`);
  const other = variablesOf({ ...own, DOCKERRUN_WORKER_OTLP_ENDPOINT: 'http://node:4318' });
  assert.is(other.get('OTEL_EXPORTER_OTLP_ENDPOINT'), 'http://node:4318');
  assert.not.ok(other.has('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'));
});

test('the headers of the controller, which hold credentials, are not in any pod', () => {
  const headers = {
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer hidden',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-key=hidden',
  };
  const variables = variablesOf({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...headers });
  assert.not.match(JSON.stringify([...variables]), 'hidden');
});

test('an endpoint with credentials is not passed on, but workers can have one of their own', () => {
  for (const own of ['https://user:hidden@collector:4318', 'https://collector/v1/traces?key=hidden']) {
    assert.is(variablesOf({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: own }).size, 0);
    const both = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: own, DOCKERRUN_WORKER_OTLP_ENDPOINT: endpoint };
    assert.is(variablesOf(both).get('OTEL_EXPORTER_OTLP_ENDPOINT'), endpoint);
  }
});

test('a worker has its own resource attributes and those of the whole installation', () => {
  const attributes = 'deployment.environment.name=pre$(x), k8s.pod.name=controller-0,service.version=1,junk';
  const variables = variablesOf({
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

test('the worker of a run that is not sampled gets no variables', () => {
  const sampler = { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' };
  assert.is(variablesOf({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...sampler }).size, 0);
});

test.run();
