import { setImmediate as immediate } from 'node:timers/promises';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { defaultTiming } from '../../../src/girder/client.ts';
import { openGirder } from '../../../src/girder/open-girder.ts';
import { RunError } from '../../../src/support/errors.ts';
import { FaultProxy } from '../../fixtures/fault-proxy.ts';
import { runErrorOf } from '../../fixtures/run-error.ts';
import { until } from '../../fixtures/until.ts';
import { answer, type Fault, GirderGate } from './girder-gate.ts';
import { ask, girderEnvironment, Scratch } from './real-girder.ts';

/** Sessions that are made, and replaced, while Girder does not answer. */

const test = suite<{ scratch: Scratch }>('sessions of a Girder that is away');
const { apiUrl, apiKey: fullKey } = girderEnvironment();
const signal = new AbortController().signal;

test.before.each(async (context) => {
  context.scratch = await Scratch.make();
});
test.after.each(({ scratch }) => scratch[Symbol.asyncDispose]());

const rejection = answer(
  '401 Unauthorized',
  JSON.stringify({ message: 'You must be logged in.', type: 'access' }),
  'Content-Type: application/json',
);

for (const [what, fault] of [
  ['is silent', () => undefined],
  ['closes every connection', (socket) => socket.destroy()],
] satisfies [string, Fault][]) {
  test(`a Girder that ${what} for longer than one request may take is waited for, before and within a session`, async ({
    scratch,
  }) => {
    await using gate = await GirderGate.start(apiUrl);
    const waits: (string | undefined)[] = [];
    const timing = { ...defaultTiming, answer: 500 };
    const longer = 4 * timing.answer;
    const onWait = (why: string | undefined) => void waits.push(why);
    gate.setFault(fault);
    setTimeout(() => gate.setFault(undefined), longer);
    const client = await openGirder({
      ...{ apiUrl: gate.url, credentials: { apiKey: fullKey }, signal, timing, onWait },
    });
    assert.match(waits[0] ?? '', /^Waiting for Girder at localhost:\d+ \(tried (once|\d+ times)\): /);
    // The session ends, and Girder is away again until it can be replaced.
    const isRejected = (request: string) => request.includes('/item/');
    gate.setFault((socket, request) => (isRejected(request) ? rejection : fault)(socket, request));
    setTimeout(() => gate.setFault(undefined), longer);
    const item = (await ask(client, 'GET', ['item', scratch.itemId])) as { _id: string };
    assert.is(item._id, scratch.itemId);
    await client.close();
  });
}

test('a request that is stopped while it replaces the session of all stops no other request', async ({
  scratch,
}) => {
  await using proxy = await FaultProxy.start(apiUrl);
  const timing = { ...defaultTiming, answer: 3_000 };
  const client = await openGirder({ apiUrl: proxy.url, credentials: { apiKey: fullKey }, signal, timing });
  proxy.fail('GET', '/item', { status: 401 });
  proxy.fail('POST', '/api_key/token', { silence: true });
  const look = (own: AbortSignal) => {
    const request = { method: 'GET', route: ['item', scratch.itemId], subject: 'an item' } as const;
    return client.json({ ...request, signal: own, parse: (item) => item });
  };
  const first = new AbortController();
  const stopped = runErrorOf(look(first.signal));
  await until('a session is being made', () => proxy.requests('POST', '/api_key/token').length > 1);
  const other = look(signal);
  other.catch(() => undefined);
  // Then the other request waits for the same session.
  await immediate();
  first.abort(new RunError('GirderNotFound', 'another input of the run failed'));
  assert.is((await stopped).message, 'another input of the run failed');
  assert.is(((await other) as { _id: string })._id, scratch.itemId);
  await client.close();
});

test('a body that stands still is reported as soon as a request may not take longer', async () => {
  await using gate = await GirderGate.start(apiUrl);
  const waits: string[] = [];
  const onWait = (why: string | undefined) => void (why !== undefined && waits.push(why));
  gate.setFault((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{'));
  const timing = { ...defaultTiming, answer: 500 };
  const opening = openGirder({
    ...{ apiUrl: gate.url, credentials: { apiKey: fullKey }, signal, timing, onWait },
  });
  await until('the wait is reported', () => waits.length > 0, { withinMs: 20_000 });
  gate.setFault(undefined);
  await (await opening).close();
  assert.match(waits[0] ?? '', /^Waiting for Girder at localhost:\d+ \(tried once\): no response for 0\.5 s/);
});

test.run();
