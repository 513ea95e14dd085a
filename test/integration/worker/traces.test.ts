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
/** Work that takes no time by itself, on a machine that does other things too. */
const unhinderedMs = 5_000;
/** For what is not sent yet when the work is done. */
const longestEndMs = 2_000;

type Said = { workMs: number; endMs: number; loaded: number; handedOn: string; log: string[] };

const uid = randomUUID();
const root = rootSpanOf(uid);

async function work(variables: Record<string, string>): Promise<Said> {
  const { PATH, HOME } = process.env;
  const given = { TRACEPARENT: traceparent(root), OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json', ...variables };
  const { stdout } = await run(process.execPath, [program], {
    env: { PATH, HOME, ...given },
    timeout: 20_000,
  });
  return JSON.parse(stdout) as Said;
}

/**
 * Works once more where nothing was heard: a process waits for the collector for 2 s only, which a busy
 * machine may need.
 */
async function workUntil(isHeard: (said: Said) => boolean, variables: Record<string, string>): Promise<Said> {
  for (let turn = 1; ; turn += 1) {
    const said = await work(variables);
    if (turn === 3 || isHeard(said)) return said;
  }
}

/** Works for a collector, which hears of it. */
async function workFor(receiver: TraceReceiver, variables: Record<string, string> = {}): Promise<Said> {
  const given = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint, ...variables };
  return workUntil(() => receiver.requests.length > 0, given);
}

test('what a worker does is in the trace of its run, below its root, each part below what it is part of', async () => {
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

test('a part that fails says the reason, and not what the error says', async () => {
  await using receiver = await TraceReceiver.open();
  await workFor(receiver);
  const upload = receiver.span('upload');
  assert.ok(upload.isError);
  assert.is(upload.attributes['error.type'], 'UploadFailed');
  assert.not.ok(receiver.requests.some(({ body }) => body.includes('secret')));
});

test('the standard variables say who it is, where to, and with which headers', async () => {
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

test('the target can go on with the span that it runs in', async () => {
  await using receiver = await TraceReceiver.open();
  const { handedOn, loaded } = await workFor(receiver);
  assert.ok(loaded > 0);
  assert.is(handedOn, traceparent(receiver.span('run target')));
});

test('the protocol is Protobuf when nothing else is asked for', async () => {
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
  test(`a collector that ${what} is not waited for, but for two seconds at the end`, async () => {
    await using receiver = await TraceReceiver.open();
    receiver.manner = manner;
    const { workMs, endMs } = await work({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint });
    assert.ok(workMs < unhinderedMs, `${workMs} ms of work`);
    assert.ok(endMs < longestEndMs + unhinderedMs, `${endMs} ms to end`);
  });
}

test('a collector that refuses is told of in one line, and does not fail the run', async () => {
  await using receiver = await TraceReceiver.open();
  receiver.manner = 401;
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint };
  const { log, endMs } = await workUntil((said) => said.log.length > 0, endpoint);
  assert.is(log.length, 1);
  assert.match(log[0] ?? '', `cannot send traces to ${receiver.endpoint}: Unauthorized`);
  assert.ok(endMs < longestEndMs, `${endMs} ms to end`);
});

test('a collector that is away holds up nothing', async () => {
  const { workMs, endMs } = await work({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' });
  assert.ok(workMs < unhinderedMs && endMs < longestEndMs + unhinderedMs, `${workMs} and ${endMs} ms`);
});

for (const [when, variables] of [
  ['nobody set an endpoint', {}],
  [
    'the exporter is none',
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_TRACES_EXPORTER: 'none' },
  ],
  ['the run is not sampled', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', TRACEPARENT: '' }],
] as const) {
  test(`nothing of OpenTelemetry is loaded when ${when}`, async () => {
    const { loaded, log, handedOn } = await work(variables);
    assert.equal({ loaded, log, handedOn }, { loaded: 0, log: [], handedOn: '' });
  });
}

test.run();
