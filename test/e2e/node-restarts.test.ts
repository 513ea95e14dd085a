import { test } from '../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { containerd } from '../cluster/parts/containerd.ts';
import { kubelet } from '../cluster/parts/kubelet.ts';
import type { Part } from '../cluster/supervise/part.ts';
import { readLivePid } from '../cluster/supervise/pid-file.ts';
import { ensureRunning } from '../cluster/supervise/supervisor.ts';
import { recordObservation } from '../fixtures/reliability-page.ts';
import { until } from '../fixtures/until.ts';
import { containersOf, Lab, whileHeld } from './support/runs.ts';

/** The parts of a node that are killed and started again while a target writes without a pause. */

let lab: Lab;

test.before(async () => {
  lab = await Lab.open('node-restarts');
});
test.after(async () => {
  for (const part of [containerd, kubelet]) await ensureRunning(part, AbortSignal.timeout(120_000));
  await lab.close();
});

/** Prints numbered lines; the last one repeats the number of the line before. */
const chatty = `i=0; ${whileHeld('i=$((i+1)); echo "line $i"; sleep 0.01')}; echo "last $i"`;

async function linesOf(name: string): Promise<string[]> {
  return (await lab.output(name)).split('\n').slice(0, -1);
}

async function moreLines(name: string, than: number): Promise<number> {
  const read = () => linesOf(name).catch(() => []);
  const holds = ({ length }: string[]) => length > than + 50;
  return (await until(`${name} prints more than ${than} lines`, read, { holds, withinMs: 60_000 })).length;
}

async function killAndRestart(part: Part): Promise<void> {
  const live = readLivePid(part.name);
  if (live === undefined) throw new Error(`the cluster has no ${part.name}`);
  process.kill(live.pid, 'SIGKILL');
  await until(`${part.name} is dead`, () => readLivePid(part.name), { holds: (pid) => pid === undefined });
  assert.is(await ensureRunning(part, AbortSignal.timeout(120_000)), 'started');
}

const restarts = [
  { part: kubelet, fault: 'The kubelet is killed and started again while the target writes' },
  { part: containerd, fault: 'containerd is killed and started again while the target writes' },
];

for (const { part, fault } of restarts) {
  test(`a ${part.name} that is killed under a chatty target costs no attempt and no line`, async () => {
    const name = `${part.name}-killed`;
    await lab.run(name, { command: ['sh', '-c', chatty] });
    const { metadata } = await lab.running(name);
    await killAndRestart(part);
    await moreLines(name, await moreLines(name, 0));
    await lab.release(name);
    const end = await lab.ended(name, 120);
    assert.is(end.phase, 'Succeeded', end.message);
    assert.is(end.attempts, 1);
    const lines = await linesOf(name);
    const count = lines.length - 1;
    const expected = Array.from({ length: count }, (_, index) => `line ${index + 1}`);
    assert.equal(lines, [...expected, `last ${count}`]);
    recordObservation({
      fault,
      seen: `${end.phase} in ${end.attempts} attempt; the log has every line`,
      left: `${(await containersOf(metadata.uid)).length} containers`,
    });
  });
}

test.run();
