import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ObservedPod } from '../../../src/controller/observe/observed.ts';
import { askWorkerOver, WorkerPoller } from '../../../src/controller/observe/worker-reports.ts';
import { aPod } from '../../fixtures/builders.ts';
import { freePorts } from '../../fixtures/free-ports.ts';
import { recordObservation } from '../../fixtures/reliability-page.ts';
import { until } from '../../fixtures/until.ts';
import { WorkerEndpoint } from '../../fixtures/worker-endpoint.ts';

const addresses = { healthy: '127.0.0.1', silent: '127.0.1.1', refusing: '127.0.1.2' } as const;
const count = 1_000;
const healthy = aPod({ kind: 'running' }, { podIP: addresses.healthy });

/** A pod with a name and uid of its own; every fourth refuses the connection, and the others never answer. */
function unreachable(index: number): ObservedPod {
  const podIP = index % 4 === 0 ? addresses.refusing : addresses.silent;
  const name = `unreachable-${index}`;
  return aPod({ kind: 'running' }, { name, uid: name, runUid: name, podIP });
}

/** Accepts connections at an address, and never answers. */
async function listenInSilence(host: string, port: number): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    socket.once('close', () => sockets.delete(socket));
  });
  await once(server.listen(port, host), 'listening');
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await once(server.close(), 'close');
    },
  };
}

test('a worker that answers is asked about once a second, beside a thousand that do not', async () => {
  const [port = 0] = await freePorts(1);
  await using endpoint = await WorkerEndpoint.listen(addresses.healthy, port, { phase: 'Preparing' });
  await using _silent = await listenInSilence(addresses.silent, port);
  const pods = [...Array.from({ length: count }, (_, index) => unreachable(index)), healthy];
  const byKey = new Map(pods.map((pod) => [`${pod.namespace}/${pod.name}`, pod]));
  const poller = new WorkerPoller({
    ask: askWorkerOver(port),
    podAt: (key) => byKey.get(key),
    onChange: () => undefined,
  });
  try {
    poller.start(pods);
    await until('the worker has answered', () => endpoint.questions > 0, { withinMs: 30_000 });
    const [from, before] = [performance.now(), endpoint.questions];
    await until('all others are known as unreachable', () => poller.unreachable === count, {
      ...{ withinMs: 180_000, everyMs: 200 },
    });
    const seconds = (performance.now() - from) / 1000;
    const questions = endpoint.questions - before;
    console.log(`${questions} questions in ${seconds.toFixed(1)} s`);
    assert.ok(questions >= seconds / 2, `${questions} questions in ${seconds} s`);
    assert.equal(poller.reportOf(healthy.uid), { phase: 'Preparing' });
  } finally {
    await poller.stop();
  }
  recordObservation({
    fault: '1,000 workers do not answer the controller, beside one that does',
    seen: 'the worker that answers is asked about once a second; the other runs continue without progress',
    left: 'the controller counts 1,000 unreachable workers',
  });
});

test.run();
