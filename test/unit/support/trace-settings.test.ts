import { randomUUID } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isSampled, sampledShare, traceSettings } from '../../../src/support/trace/settings.ts';

const endpoint = 'http://collector.monitoring:4318';
const wanted = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint };

test('nobody is traced who names no endpoint', () => {
  assert.equal(traceSettings({}), { kind: 'off' });
  assert.equal(traceSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: '' }), { kind: 'off' });
  assert.equal(traceSettings({ OTEL_TRACES_EXPORTER: 'otlp' }), { kind: 'off' });
});

test('an endpoint is enough, for everything or for traces', () => {
  const on = { kind: 'on', protocol: 'http/protobuf', server: endpoint };
  assert.equal(traceSettings(wanted), on);
  assert.equal(traceSettings({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${endpoint}/v1/traces?key=k` }), on);
});

test('the setting for traces goes before the one for everything', () => {
  const protocols = {
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
  };
  assert.equal(traceSettings({ ...wanted, ...protocols }), {
    kind: 'on',
    protocol: 'http/json',
    server: endpoint,
  });
});

test('traces can be switched off though there is an endpoint', () => {
  assert.equal(traceSettings({ ...wanted, OTEL_SDK_DISABLED: 'true' }), { kind: 'off' });
  assert.equal(traceSettings({ ...wanted, OTEL_TRACES_EXPORTER: 'none' }), { kind: 'off' });
});

for (const [what, variables, said] of [
  ['gRPC', { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /"grpc" is not known here; use http\/protobuf/],
  ['another exporter', { OTEL_TRACES_EXPORTER: 'zipkin' }, /"zipkin", but only otlp and none are known/],
  ['a host without a scheme', { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, /begins with http/],
  ['no URL', { OTEL_EXPORTER_OTLP_ENDPOINT: '4318' }, /is not a URL/],
] as const) {
  test(`${what} is said to be a mistake, and nothing is traced`, () => {
    const settings = traceSettings({ ...wanted, ...variables });
    assert.match(settings.kind === 'off' ? (settings.problem ?? '') : 'on', said);
  });
}

test('all runs are sampled, unless a sampler says how many', () => {
  const share = (sampler: string, arg?: string) =>
    sampledShare({ OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: arg });
  assert.is(sampledShare({}), 1);
  assert.is(share('always_on'), 1);
  assert.is(share('parentbased_always_off'), 0);
  assert.is(share('traceidratio', '0.25'), 0.25);
  assert.is(share('parentbased_traceidratio'), 1);
  assert.is(share('traceidratio', '25'), 1, 'what is no ratio is ignored');
  assert.is(share('jaeger_remote'), 1);
});

test('as many uids are sampled as the share says', () => {
  const ids = Array.from({ length: 4_000 }, () => randomUUID().replaceAll('-', ''));
  const count = (share: number) => ids.filter((id) => isSampled(id, share)).length;
  assert.is(count(1), ids.length);
  assert.is(count(0), 0);
  assert.ok(Math.abs(count(0.25) - 1_000) < 200, `${count(0.25)}`);
});

test.run();
