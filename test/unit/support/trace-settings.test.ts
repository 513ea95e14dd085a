import { randomUUID } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isSampled, sampledShare, traceSettings } from '../../../src/support/trace/settings.ts';

const endpoint = 'http://collector.monitoring:4318';
const configured = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint };

test('tracing is off without an endpoint', () => {
  assert.equal(traceSettings({}), { kind: 'off' });
  assert.equal(traceSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: '' }), { kind: 'off' });
  assert.equal(traceSettings({ OTEL_TRACES_EXPORTER: 'otlp' }), { kind: 'off' });
});

test('an endpoint turns tracing on, for all signals or for traces', () => {
  const on = { kind: 'on', protocol: 'http/protobuf', server: endpoint };
  assert.equal(traceSettings(configured), on);
  assert.equal(traceSettings({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${endpoint}/v1/traces?key=k` }), on);
});

test('the variable for traces takes precedence over the one for all signals', () => {
  const protocols = {
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
  };
  assert.equal(traceSettings({ ...configured, ...protocols }), {
    kind: 'on',
    protocol: 'http/json',
    server: endpoint,
  });
});

test('tracing can be turned off although there is an endpoint', () => {
  assert.equal(traceSettings({ ...configured, OTEL_SDK_DISABLED: 'true' }), { kind: 'off' });
  assert.equal(traceSettings({ ...configured, OTEL_TRACES_EXPORTER: 'none' }), { kind: 'off' });
});

for (const [what, variables, problem] of [
  ['gRPC', { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /"grpc" is not supported; use http\/protobuf/],
  ['another exporter', { OTEL_TRACES_EXPORTER: 'zipkin' }, /"zipkin", but only otlp and none are supported/],
  ['a host without a scheme', { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, /starts with http/],
  ['an endpoint that is not a URL', { OTEL_EXPORTER_OTLP_ENDPOINT: '4318' }, /is not a URL/],
] as const) {
  test(`${what} is reported as a problem, and tracing is off`, () => {
    const settings = traceSettings({ ...configured, ...variables });
    assert.match(settings.kind === 'off' ? (settings.problem ?? '') : 'on', problem);
  });
}

test('all runs are sampled unless a sampler is configured', () => {
  const share = (sampler: string, arg?: string) =>
    sampledShare({ OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: arg });
  assert.is(sampledShare({}), 1);
  assert.is(share('always_on'), 1);
  assert.is(share('parentbased_always_off'), 0);
  assert.is(share('traceidratio', '0.25'), 0.25);
  assert.is(share('parentbased_traceidratio'), 1);
  assert.is(share('traceidratio', '25'), 1, 'a number that is not a ratio is ignored');
  assert.is(share('jaeger_remote'), 1);
});

test('the share of sampled uids is as configured', () => {
  const ids = Array.from({ length: 4_000 }, () => randomUUID().replaceAll('-', ''));
  const count = (share: number) => ids.filter((id) => isSampled(id, share)).length;
  assert.is(count(1), ids.length);
  assert.is(count(0), 0);
  assert.ok(Math.abs(count(0.25) - 1_000) < 200, `${count(0.25)}`);
});

test.run();
