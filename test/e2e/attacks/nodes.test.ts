import { rename } from 'node:fs/promises';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { layout } from '../../cluster/layout.ts';
import { dockerEngine } from '../../cluster/parts/docker-engine.ts';
import { readLivePid } from '../../cluster/supervise/pid-file.ts';
import { ensureRunning } from '../../cluster/supervise/supervisor.ts';
import { recordObservation } from '../../fixtures/reliability-page.ts';
import { until } from '../../fixtures/until.ts';
import { containersOf, Lab, type StoredRun, untilReleased } from '../support/runs.ts';
import { succeed } from '../support/shell.ts';

/** What a node does to its Docker Engine before, during and after the start of targets. It runs alone. */

let lab: Lab;
let node: string;

const startMs = 120_000;

test.before(async () => {
  lab = await Lab.open('nodes');
  node = (await succeed('kubectl', ['get', 'nodes', '-o', 'jsonpath={.items[0].metadata.name}'])).trim();
  await engineIs('ready');
});
test.after(async () => {
  await restartEngine();
  await engineIs('ready');
  await lab.close();
});

function signalEngine(signal: NodeJS.Signals): void {
  const pid = readLivePid('docker-engine')?.pid;
  if (pid === undefined) throw new Error('the cluster has no Docker Engine');
  process.kill(pid, signal);
}

async function killEngine(): Promise<void> {
  signalEngine('SIGKILL');
  await until('the engine is dead', () => readLivePid('docker-engine') === undefined);
}

async function restartEngine(): Promise<void> {
  await ensureRunning(dockerEngine, AbortSignal.timeout(startMs));
}

/** Waits until the node agent and the controller have labelled the node. */
async function engineIs(state: 'ready' | 'unready'): Promise<void> {
  const read = () =>
    succeed('kubectl', ['get', 'node', node, '-o', 'jsonpath={.metadata.labels.dockerrun\\.dev/engine}']);
  await until(`the node is ${state}`, read, {
    holds: (label) => label.trim() === state,
    withinMs: startMs,
    everyMs: 500,
  });
}

/** The containers of some runs that the engine still has. */
async function left(names: readonly string[]): Promise<string> {
  const uids = await Promise.all(names.map(async (name) => (await lab.get(name)).metadata.uid));
  const found = await Promise.all(uids.map((uid) => containersOf(uid)));
  return `${found.flat().length} containers`;
}

const says = (pattern: RegExp) => ({
  holds: ({ status }: StoredRun) => pattern.test(status.message ?? ''),
});

test('ten runs that start while the engine hangs wait for it, and all succeed', async () => {
  const names = Array.from({ length: 10 }, (_, index) => `hung-${index}`);
  signalEngine('SIGSTOP');
  try {
    await Promise.all(names.map((name) => lab.run(name, { command: ['true'] })));
    // The node is unready soon, and then a run that has no pod there yet waits for another node.
    const messages = async () =>
      (await Promise.all(names.map((name) => lab.get(name)))).map(({ status }) => status.message ?? '');
    await until('a run says that the engine does not answer', messages, {
      holds: (all) => all.some((message) => /Docker Engine of node .* does not answer/.test(message)),
      withinMs: 90_000,
      everyMs: 500,
    });
    await engineIs('unready');
    // A run that comes now is not sent to this node.
    await lab.run('late', { command: ['true'] });
    await lab.until('late', 'finds no node', says(/cannot be scheduled/));
  } finally {
    signalEngine('SIGCONT');
  }
  for (const name of [...names, 'late']) {
    const { phase, message, attempts } = await lab.ended(name, 180);
    assert.is(phase, 'Succeeded', `${name}: ${message}`);
    assert.is(attempts, 1, name);
  }
  recordObservation({
    fault: 'The Docker Engine hangs while ten runs start',
    seen: 'Preparing with "does not answer", then all Succeeded in 1 attempt; a later run is not sent to the node',
    left: await left(names),
  });
});

test('a run that starts while the engine is dead succeeds once the engine is started again', async () => {
  await engineIs('ready');
  await killEngine();
  try {
    await lab.run('killed', { command: ['true'] });
    await lab.until(
      'killed',
      'says that the engine does not answer',
      says(/does not answer|cannot be scheduled/),
    );
  } finally {
    await restartEngine();
  }
  const { phase, message, attemptHistory = [] } = await lab.ended('killed', 180);
  assert.is(phase, 'Succeeded', message);
  assert.equal(
    attemptHistory.slice(0, -1).filter(({ reason }) => reason !== 'EngineReplaced'),
    [],
  );
  recordObservation({
    fault: 'The Docker Engine is killed, and started again, while a run starts, with backoffLimit 0',
    seen: `${phase}; a worker that has the old socket is replaced without counting`,
    left: await left(['killed']),
  });
});

test('a run whose node has lost the socket of the engine waits until it is back', async () => {
  await engineIs('ready');
  const away = `${layout.dockerSocket}.away`;
  await rename(layout.dockerSocket, away);
  try {
    await lab.run('socket', { command: ['true'], backoffLimit: 0 });
    await lab.until('socket', 'waits', says(/does not answer|cannot be scheduled/));
  } finally {
    await rename(away, layout.dockerSocket);
  }
  const { phase, message } = await lab.ended('socket', 240);
  assert.is(phase, 'Succeeded', message);
  recordObservation({
    fault: 'The socket of the Docker Engine is away while a run starts, with backoffLimit 0',
    seen: `Pending until it is back, then ${phase}`,
    left: await left(['socket']),
  });
});

test('a target that runs when the engine is killed is lost, and its run is retried', async () => {
  await engineIs('ready');
  await lab.run('lost', { command: ['sh', '-c', untilReleased], backoffLimit: 1 });
  const before = await lab.running('lost');
  await killEngine();
  await restartEngine();
  await lab.until('lost', 'has another attempt', {
    holds: ({ status }) => (status.attempts ?? 0) > 1,
    withinMs: 180_000,
  });
  await lab.release('lost', before);
  const { phase, message, attemptHistory = [] } = await lab.ended('lost', 120);
  assert.is(phase, 'Succeeded', message);
  const [first] = attemptHistory;
  assert.is(first?.reason, 'ContainerLost');
  recordObservation({
    fault: 'The Docker Engine is killed, and started again, while a target runs, with backoffLimit 1',
    seen: `${phase} in ${attemptHistory.length} attempts; attempt 1 ended with ${first?.reason}`,
    left: await left(['lost']),
  });
});

test.run();
