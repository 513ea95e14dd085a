import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { rootSpanOf, traceparent } from '../../../src/support/trace/trace.ts';
import { version } from '../../../src/support/version.ts';
import { TraceReceiver } from '../../fixtures/trace-receiver.ts';

const program = join(import.meta.dirname, 'traced-process.ts');
const run = promisify(execFile);
/** A bound for work that takes almost no time by itself, on a busy machine. */
const unhinderedMs = 5_000;
/** The bound for sending the remaining spans when the work is done. */
const longestEndMs = 2_000;

type Result = { workMs: number; endMs: number; loaded: number; handedOn: string; log: string[] };

const uid = randomUUID();
const root = rootSpanOf(uid);

async function work(variables: Record<string, string>): Promise<Result> {
  const { PATH, HOME } = process.env;
  const given = { TRACEPARENT: traceparent(root), OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json', ...variables };
  const { stdout } = await run(process.execPath, [program], {
    env: { PATH, HOME, ...given },
    timeout: 120_000,
  });
  return JSON.parse(stdout) as Result;
}

/**
 * Works up to three times until the collector or the log received something: a process waits only 2 s for the
 * collector, and a busy machine may need more.
 */
async function workUntil(
  isDone: (result: Result) => boolean,
  variables: Record<string, string>,
): Promise<Result> {
  for (let turn = 1; ; turn += 1) {
    const result = await work(variables);
    if (turn === 3 || isDone(result)) return result;
  }
}

/** Works until the collector has received spans. */
async function workFor(receiver: TraceReceiver, variables: Record<string, string> = {}): Promise<Result> {
  const given = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint, ...variables };
  return workUntil(() => receiver.requests.length > 0, given);
}

test('the spans of a worker are in the trace of its run, below its root, each below its parent', async () => {
  await using receiver = await TraceReceiver.open();
  await workFor(receiver);
  assert.is(receiver.requests[0]?.path, '/v1/traces');
  assert.ok(receiver.spans.every(({ traceId }) => traceId === uid.replaceAll('-', '')));
  const [attempt, prepare] = [receiver.span('attempt'), receiver.span('prepare')];
  assert.is(attempt.parentSpanId, root.spanId);
  assert.is(prepare.parentSpanId, attempt.spanId);
  const downloads = receiver.spans.filter(({ name }) => name === 'download');
  assert.equal(downloads.map(({ attributes }) => attributes['dockerrun.transform']).toSorted(), [
    'ct',
    'model',
  ]);
  assert.ok(downloads.every(({ parentSpanId }) => parentSpanId === prepare.spanId));
  assert.equal(downloads[0]?.attributes, { 'dockerrun.transform': 'ct', 'dockerrun.bytes': 3 });
  assert.is(receiver.span('upload').parentSpanId, attempt.spanId);
});

test("the span of a failed part has the reason, and not the error's message", async () => {
  await using receiver = await TraceReceiver.open();
  await workFor(receiver);
  const upload = receiver.span('upload');
  assert.ok(upload.isError);
  assert.is(upload.attributes['error.type'], 'UploadFailed');
  assert.not.ok(receiver.requests.some(({ body }) => body.includes('secret')));
});

test('the standard variables set the resource, the endpoint and the headers', async () => {
  await using receiver = await TraceReceiver.open();
  await workFor(receiver, {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.endpoint}/own/path`,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=lab',
    OTEL_RESOURCE_ATTRIBUTES: 'k8s.pod.name=segment-0,deployment.environment.name=test',
  });
  assert.is(receiver.requests[0]?.path, '/own/path');
  assert.is(receiver.requests[0]?.headers['x-tenant'], 'lab');
  const { resource } = receiver.span('attempt');
  assert.is(resource['service.name'], 'dockerrun-worker');
  assert.is(resource['service.version'], version);
  assert.is(resource['k8s.pod.name'], 'segment-0');
  assert.is(resource['deployment.environment.name'], 'test');
});

test('the target receives the span that it runs in', async () => {
  await using receiver = await TraceReceiver.open();
  const { handedOn, loaded } = await workFor(receiver);
  assert.ok(loaded > 0);
  assert.is(handedOn, traceparent(receiver.span('run target')));
});

test('the protocol is Protobuf by default', async () => {
  await using receiver = await TraceReceiver.open();
  await workFor(receiver, { OTEL_EXPORTER_OTLP_PROTOCOL: '' });
  const [request] = receiver.requests;
  assert.is(request?.headers['content-type'], 'application/x-protobuf');
  assert.ok(request?.body.includes(Buffer.from(root.traceId, 'hex')));
  assert.ok(request?.body.includes(Buffer.from(root.spanId, 'hex')));
});

for (const [what, manner] of [
  ['never answers', 'hangs'],
  ['is overloaded', 503],
] as const) {
  test(`a collector that ${what} delays only the end of the worker, by at most two seconds`, async () => {
    await using receiver = await TraceReceiver.open();
    receiver.manner = manner;
    const { workMs, endMs } = await work({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint });
    assert.ok(workMs < unhinderedMs, `${workMs} ms of work`);
    assert.ok(endMs < longestEndMs + unhinderedMs, `${endMs} ms to end`);
  });
}

test('a collector that refuses is reported in one line, and does not fail the run', async () => {
  await using receiver = await TraceReceiver.open();
  receiver.manner = 401;
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint };
  const { log, endMs } = await workUntil((result) => result.log.length > 0, endpoint);
  assert.is(log.length, 1);
  assert.match(log[0] ?? '', `cannot send traces to ${receiver.endpoint}: Unauthorized`);
  assert.ok(endMs < longestEndMs + unhinderedMs, `${endMs} ms to end`);
});

test('a collector that does not run does not delay the worker', async () => {
  const { workMs, endMs } = await work({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' });
  assert.ok(workMs < unhinderedMs && endMs < longestEndMs + unhinderedMs, `${workMs} and ${endMs} ms`);
});

for (const [when, variables] of [
  ['no endpoint is set', {}],
  [
    'the exporter is none',
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_TRACES_EXPORTER: 'none' },
  ],
  ['the run is not sampled', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', TRACEPARENT: '' }],
] as const) {
  test(`OpenTelemetry is not loaded when ${when}`, async () => {
    const { loaded, log, handedOn } = await work(variables);
    assert.equal({ loaded, log, handedOn }, { loaded: 0, log: [], handedOn: '' });
  });
}

test.run();
