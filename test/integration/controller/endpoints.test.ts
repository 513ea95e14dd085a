import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Endpoints, serveEndpoints } from '../../../src/controller/main.ts';
import { freePorts } from '../../fixtures/free-ports.ts';

/** The answers of the two ports to a path while a controller is in this state. */
async function answers(state: Partial<Endpoints>, path: string): Promise<{ status: number; text: string }> {
  const [healthPort = 0, metricsPort = 0] = await freePorts(2);
  const servers = await serveEndpoints({
    config: { healthPort, metricsPort },
    metrics: { contentType: 'text/plain', text: async () => 'up 1\n' },
    ...{ isReady: () => true, queue: () => undefined, watches: () => [] },
    ...state,
  });
  try {
    const port = path === '/metrics' ? metricsPort : healthPort;
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } });
    return { status: response.status, text: await response.text() };
  } finally {
    await servers.close();
  }
}

/** The queue of a leader whose oldest reconcile began this many seconds ago. */
const busyFor = (seconds: number) => () => {
  const now = performance.now();
  const began = now - seconds * 1000;
  return {
    ...{ depth: 0, activeAgesMs: [], oldestWaitingAt: undefined },
    oldestActiveAt: began,
    lastFinishedAt: now,
  };
};

test('a replica that follows is alive and ready', async () => {
  assert.equal(await answers({}, '/healthz'), { status: 200, text: 'ok\n' });
  assert.equal(await answers({}, '/readyz'), { status: 200, text: 'ok\n' });
});

test('a replica whose caches are not filled is alive, but not ready', async () => {
  assert.equal(await answers({ isReady: () => false }, '/readyz'), { status: 503, text: 'not ready\n' });
  assert.is((await answers({ isReady: () => false }, '/healthz')).status, 200);
});

test('a reconcile that does not end fails the liveness probe, with the reason in the body', async () => {
  assert.is((await answers({ queue: busyFor(200) }, '/healthz')).status, 200);
  const { status, text } = await answers({ queue: busyFor(400) }, '/healthz');
  assert.equal([status, text], [503, 'a reconcile has been running for 400 s\n']);
  assert.is((await answers({ queue: busyFor(400) }, '/readyz')).status, 200);
});

test('metrics that cannot be read return a server error, not an empty scrape', async () => {
  const metrics = { contentType: 'text/plain', text: () => Promise.reject(new Error('odd value')) };
  assert.equal(await answers({ metrics }, '/metrics'), { status: 500, text: 'odd value\n' });
});

test.run();
