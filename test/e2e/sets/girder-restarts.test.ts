import { once } from 'node:events';
import { createServer } from 'node:net';
import * as assert from 'uvu/assert';
import { podBridge } from '../../cluster/network.ts';
import { OwnGirder } from '../../fixtures/own-girder.ts';
import { test } from '../../fixtures/suite.ts';
import { until } from '../../fixtures/until.ts';
import type { StartedTargets } from '../../integration/worker/crash/started-targets.ts';
import { followTargets, inputs, SetLab, type StoredSet, upperCase } from './set-lab.ts';

/** A set whose Girder is killed while its planner lists and its workers transfer, and starts again. */

const count = 60;
const texts = inputs(count);
/** Girder is killed when so many inputs have their results. */
const restartsAt = [5, 30] as const;

let girder: OwnGirder;
let lab: SetLab;
let targets: StartedTargets;

test.before(async () => {
  girder = await OwnGirder.start({ version: 5, host: podBridge.address });
  // From here on, the lab and its sets use this Girder.
  Object.assign(process.env, { GIRDER_API_URL: girder.apiUrl, GIRDER_API_KEY: girder.apiKey });
  lab = await SetLab.open('girder-restarts');
  await lab.addInputs(texts);
  targets = await followTargets();
});
test.after(async () => {
  targets?.[Symbol.dispose]();
  await lab?.close();
  await girder?.[Symbol.asyncDispose]();
});

/** Targets that have started in the lab. */
const started = () => targets.startsIn(lab.lab.namespace);

/** In place of the Girder that is away: closes each connection, until several requests have failed on it. */
async function severalRequestsFail(): Promise<void> {
  const { hostname, port } = new URL(girder.apiUrl);
  let failed = 0;
  const door = createServer((socket) => {
    failed += 1;
    socket.destroy();
  });
  door.listen(Number(port), hostname);
  await once(door, 'listening');
  const holds = (requests: number) => requests >= 5;
  await until('requests fail', async () => failed, { holds, withinMs: 60_000 });
  door.close();
  await once(door, 'close');
}

test('a set whose Girder is killed and started again in mid-pass makes every result once', async () => {
  const slow = { ...upperCase, command: ['sh', '-c', `sleep 0.5; ${upperCase.command[2]}`] };
  await lab.apply('restarted', { template: { spec: slow }, chunk: { items: 10 } });
  for (const number of restartsAt) {
    const holds = ({ status }: StoredSet) => (status.items?.done ?? 0) >= number;
    await lab.until('restarted', `has ${number} results`, holds);
    await girder.restart(severalRequestsFail);
  }
  const { status } = await lab.inPhase('restarted', 'Complete');
  assert.is(status.items?.done, count);
  await lab.expectUpperCase(texts);
});

test('no target of it ran twice', () => {
  const names = started();
  assert.is(names.length, count);
  assert.is(new Set(names).size, count);
});

test.run();
