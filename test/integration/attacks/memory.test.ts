import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import type { Engine } from '../../../src/docker/engine.ts';
import { succeed } from '../../e2e/support/shell.ts';
import { until } from '../../fixtures/until.ts';
import { engineUnderTest, image, run } from '../docker/engine-under-test.ts';

/** A target that takes all memory of a pod, on the real engine: which process does the kernel kill? */

type World = { engine: Engine; parent: string; cgroup: string; worker: string };
const test = suite<World>('memory');

const mebi = 2 ** 20;
/** More than what a worker may need itself. */
const podBytes = 300 * mebi;

/** Holds some memory, as a worker does, with the oom_score_adj that the kubelet gives a worker on most nodes. */
const holder = ['sh', '-c', 'held=$(head -c 30000000 /dev/zero | tr "\\0" x); echo ready; sleep 600'];
const workerAdjustment = '980';

test.before.each(async (world) => {
  world.engine = await engineUnderTest();
  world.parent = `/dockerrun-test-${randomBytes(6).toString('hex')}`;
  const v1 = '/sys/fs/cgroup/memory';
  const [root, limit] = existsSync(v1) ? [v1, 'memory.limit_in_bytes'] : ['/sys/fs/cgroup', 'memory.max'];
  world.cgroup = join(root, world.parent);
  mkdirSync(world.cgroup);
  writeFileSync(join(world.cgroup, limit), String(podBytes));
  const where = ['--cgroup-parent', world.parent, '--oom-score-adj', workerAdjustment, '--network', 'none'];
  world.worker = (await succeed('docker', ['run', '--detach', ...where, image, ...holder])).trim();
  const read = () => succeed('docker', ['logs', world.worker]);
  await until('the worker holds memory', read, { holds: (log) => log.includes('ready') });
});
test.after.each(async ({ worker, cgroup }) => {
  await succeed('docker', ['rm', '--force', worker]);
  await until('the cgroup is empty', () => {
    try {
      rmdirSync(cgroup);
    } catch {
      return !existsSync(cgroup);
    }
    return true;
  });
});

async function isAlive({ worker }: World): Promise<boolean> {
  return (await succeed('docker', ['inspect', '--format', '{{.State.Running}}', worker])).trim() === 'true';
}

test('the target is killed when the pod has no memory left, not its worker', async (world) => {
  const container = { cgroupParent: world.parent };
  const { outcome } = await run(world.engine, ['tail', '/dev/zero'], { container });
  assert.equal([outcome.exitCode, outcome.oomKilled], [137, true]);
  assert.ok(await isAlive(world), 'the worker was killed');
});

test('many small processes of a target are killed at its own limit, and not their worker', async (world) => {
  const one = 'held=$(head -c 2000000 /dev/zero | tr "\\0" x); sleep 5';
  const command = ['sh', '-c', `for i in $(seq 150); do (${one}) & done; wait`];
  const container = { cgroupParent: world.parent, memoryBytes: podBytes / 2 };
  const { outcome } = await run(world.engine, command, { container });
  assert.ok(outcome.oomKilled, 'the engine reports the kill');
  assert.ok(await isAlive(world), 'the worker was killed');
});

test('every process of a target is as likely a victim as the kernel knows', async (world) => {
  const { stdout } = await run(world.engine, [
    'sh',
    '-c',
    'cat /proc/1/oom_score_adj /proc/self/oom_score_adj',
  ]);
  assert.equal(stdout.trim().split('\n'), ['1000', '1000']);
});

test.run();
