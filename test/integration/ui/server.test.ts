import { request as httpRequest } from 'node:http';
import * as assert from 'uvu/assert';
import { parseObjectMeta, recordAt, textAt } from '../../../src/kube/json.ts';
import { paths } from '../../../src/kube/paths.ts';
import { createLogger } from '../../../src/support/log.ts';
import { actions, type Update } from '../../../src/ui/ui-messages.ts';
import { serveUi } from '../../../src/ui/ui-session.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { createRun } from '../../fixtures/placed-runs.ts';
import { suite } from '../../fixtures/suite.ts';
import { until } from '../../fixtures/until.ts';

type World = {
  plane: ControlPlane;
  stop: AbortController;
  served: Promise<void>;
  base: string;
  token: string;
};
const test = suite<World>('server of dockerrun ui');
const patienceMs = 20_000;

test.before(async (world) => {
  world.plane = await startControlPlane();
  await createRun(world.plane, 'one');
  world.stop = new AbortController();
  const ready = Promise.withResolvers<string>();
  const log = createLogger('silent', process.stderr);
  const options = { connection: world.plane.connect(), namespace: undefined, port: 0, log };
  world.served = serveUi({ ...options, stop: world.stop.signal, onReady: ready.resolve });
  const [, base = '', token = ''] = /^(http:.*)\/#token=(.*)$/.exec(await ready.promise) ?? [];
  Object.assign(world, { base, token });
});
test.after(async ({ stop, served, plane }) => {
  stop.abort();
  await served;
  await plane.close();
});

type Sent = { method?: string; path?: string; headers?: Record<string, string>; body?: string };

/** fetch cannot send another Host. */
function send(
  { base, token }: World,
  { method = 'GET', path = '/api/runs/default/one', headers, body }: Sent,
) {
  const all = { authorization: `Bearer ${token}`, ...headers };
  return new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; text: string }>(
    (resolve, reject) => {
      // As it is: URL would resolve the dots.
      const { hostname, port } = new URL(base);
      const sent = httpRequest({ hostname, port, path, method, headers: all }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
        );
      });
      sent.on('error', reject).end(body);
    },
  );
}

test('what does not have the token of the address is refused', async (world) => {
  for (const authorization of ['', 'Bearer ', `Bearer ${world.token}x`, world.token]) {
    const { status, text } = await send(world, { headers: { authorization } });
    assert.is(status, 401);
    assert.not.match(text, /busybox|"spec"/);
  }
  assert.is((await send(world, {})).status, 200);
});

test('a name that was made to lead to this machine is refused, also for the page itself', async (world) => {
  for (const path of ['/', '/page.js', '/api/updates'])
    assert.is((await send(world, { path, headers: { host: 'evil.example.org' } })).status, 421);
});

test('other sites are refused, and no answer lets them read it', async (world) => {
  const { status, headers } = await send(world, { headers: { origin: 'https://evil.example.org' } });
  assert.is(status, 403);
  assert.is(headers['access-control-allow-origin'], undefined);
  const preflight = await send(world, {
    method: 'OPTIONS',
    path: '/api/actions',
    headers: { origin: 'null' },
  });
  assert.is(preflight.status, 403);
});

test('an action without the Origin of the page is refused', async (world) => {
  const body = JSON.stringify({
    kind: 'runs',
    namespace: 'default',
    name: 'one',
    uid: 'x',
    action: 'delete',
  });
  assert.is((await send(world, { method: 'POST', path: '/api/actions', body })).status, 403);
});

test('the page may load nothing from elsewhere and cannot be framed', async (world) => {
  const { headers } = await send(world, { path: '/' });
  const policy = String(headers['content-security-policy']);
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.not.match(policy, /unsafe/);
});

test('there are no other files, whatever the path', async (world) => {
  for (const path of [
    '/package.json',
    '/../package.json',
    '/%2e%2e/package.json',
    '/page.js/../../../package.json',
  ]) {
    const { status, text } = await send(world, { path });
    assert.is(status, 404, path);
    assert.not.match(text, /dependencies/);
  }
});

async function act(world: World, change: object) {
  const run = await world.plane.client.get(`${paths.dockerRuns('default')}/one`);
  const { uid } = parseObjectMeta(run);
  const body = JSON.stringify({ kind: 'runs', namespace: 'default', name: 'one', uid, ...change });
  const headers = { origin: world.base };
  return send(world, { method: 'POST', path: '/api/actions', headers, body });
}

test('every change of a run, and of a set, reaches new and open pages', async (world) => {
  const stop = new AbortController();
  const seen: Update[] = [];
  const reading = readUpdates(world, (update) => seen.push(update), stop.signal);
  const runs = () => seen.flatMap((update) => update.runs);
  await until('the first run is shown', () => runs().some(({ name }) => name === 'one'), {
    withinMs: patienceMs,
  });
  await createRun(world.plane, 'two');
  await until('the second run is shown', () => runs().some(({ name }) => name === 'two'), {
    withinMs: patienceMs,
  });
  const path = `${paths.dockerRuns('default')}/two`;
  await world.plane.client.merge(`${path}/status`, { status: { phase: 'Running', attempts: 1 } });
  await until('its phase is shown', () => runs().some(({ phase }) => phase === 'Running'), {
    withinMs: patienceMs,
  });
  await world.plane.client.delete(path);
  const gone = () => seen.flatMap((update) => update.goneRuns);
  await until('its end is shown', () => gone().includes('default/two'), { withinMs: patienceMs });
  assert.ok(seen.at(-1)?.isComplete);
  assert.ok(seen.at(-1)?.isLive);
  stop.abort();
  await reading.catch(() => undefined);
});

async function readUpdates({ base, token }: World, onUpdate: (update: Update) => void, signal: AbortSignal) {
  const response = await fetch(`${base}/api/updates`, {
    headers: { authorization: `Bearer ${token}` },
    signal,
  });
  assert.is(response.headers.get('content-type'), 'text/event-stream');
  let rest = '';
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const events = (rest + chunk).split('\n\n');
    rest = events.pop() ?? '';
    for (const event of events)
      if (event.startsWith('data: ')) onUpdate(JSON.parse(event.slice(6)) as Update);
  }
}

test('the object of a page comes whole, as YAML too, without the fields of managers', async (world) => {
  const answer: unknown = JSON.parse((await send(world, {})).text);
  assert.is(textAt(recordAt(recordAt(answer, 'object'), 'spec'), 'image'), 'busybox:1.36');
  assert.match(textAt(answer, 'yaml') ?? '', /kind: DockerRun\n/);
  assert.not.match(textAt(answer, 'yaml') ?? '', /managedFields/);
});

test('a run is suspended, resumed, cancelled, tried again and deleted', async (world) => {
  const specOf = async () =>
    recordAt(await world.plane.client.get(`${paths.dockerRuns('default')}/one`), 'spec');
  assert.is((await act(world, { action: 'suspend' })).status, 200);
  assert.is((await specOf())['suspend'], true);
  assert.is((await act(world, { action: 'resume' })).status, 200);
  assert.is((await specOf())['suspend'], false);
  assert.is((await act(world, { action: 'cancel' })).status, 200);
  assert.is((await specOf())['cancel'], true);
  const early = await act(world, { action: 'retry' });
  assert.equal([early.status, early.text], [409, '{"error":"one: it has not ended: cancel it first"}']);
  const { client } = world.plane;
  await client.merge(`${paths.dockerRuns('default')}/one/status`, {
    status: { phase: 'Cancelled', attempts: 0 },
  });
  const { status, text } = await act(world, { action: 'retry' });
  assert.is(status, 200, text);
  const { created = '' } = JSON.parse(text) as { created?: string };
  const again = await client.get(`${paths.dockerRuns('default')}/${created}`);
  assert.is(recordAt(again, 'spec')['image'], 'busybox:1.36');
  assert.is.not(recordAt(again, 'spec')['cancel'], true);
  const deletion = { action: 'delete', name: created, uid: parseObjectMeta(again).uid };
  assert.is((await act(world, deletion)).status, 200);
  await client.get(`${paths.dockerRuns('default')}/${created}`).then(
    () => assert.unreachable('it was deleted'),
    (error: unknown) => assert.match(String(error), /not found/),
  );
});

for (const action of actions) {
  test(`a run of the same name that the user did not look at is left alone: ${action}`, async (world) => {
    const before = await world.plane.client.get(`${paths.dockerRuns('default')}/one`);
    const { status, text } = await act(world, { action, uid: '00000000-0000-0000-0000-000000000000' });
    assert.is(status, 409, text);
    const after = await world.plane.client.get(`${paths.dockerRuns('default')}/one`);
    assert.is(parseObjectMeta(after).resourceVersion, parseObjectMeta(before).resourceVersion);
  });
}

test('what is no action is refused with a sentence, and a long one is not read', async (world) => {
  assert.is((await act(world, { action: 'exec' })).status, 400);
  assert.is((await act(world, { action: 'x'.repeat(5_000) })).status, 413);
});

test('an object that does not exist is an error that says so', async (world) => {
  const { status, text } = await send(world, { path: '/api/runs/default/none' });
  assert.is(status, 404);
  assert.match(text, /none.* not found/);
});

test.run();
