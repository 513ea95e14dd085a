import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { removeLeftovers } from '../../../src/docker/leftovers.ts';
import { engineUnderTest, never, testLabel } from './engine-under-test.ts';
import { until } from '../../fixtures/until.ts';

const engine = await engineUnderTest();
const worker = fileURLToPath(new URL('killed-worker.ts', import.meta.url));
const [labelKey = '', labelValue = ''] = testLabel.split('=');
const labels = { runUid: labelKey, attempt: 'dockerrun-test/attempt' };

async function containers(): Promise<string[]> {
  const filters = JSON.stringify({ label: [testLabel] });
  return (await engine.docker.listContainers({ all: true, filters })).map(({ Id }) => Id);
}

/** SIGKILLs a process that runs a container, once the target runs; returns the container's id. */
async function killWorkerOf(command: string[], attempt: string): Promise<string> {
  const child = spawn(process.execPath, [worker, testLabel, attempt, ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [started] = (await once(child.stdout, 'data')) as [Buffer];
  child.kill('SIGKILL');
  await once(child, 'exit');
  return started.toString('utf8').trim();
}

async function eventuallyNone(): Promise<void> {
  const options = { holds: ({ length }: string[]) => length === 0, withinMs: 60_000, everyMs: 100 };
  await until('no container is left', containers, options);
}

test('the container of a worker that was killed is removed by the engine when its target ends', async () => {
  const id = await killWorkerOf(['sleep', '600'], '1');
  assert.equal(await containers(), [id], 'the target outlives its worker until its cgroup is killed');
  await engine.docker.getContainer(id).kill();
  await eventuallyNone();
});

test('a target that prints much does not hang on its output when its worker was killed', async () => {
  await killWorkerOf(['sh', '-c', 'i=0; while [ $i -lt 300000 ]; do echo line $i; i=$((i+1)); done'], '1');
  await eventuallyNone();
});

test('the next attempt removes what an earlier one left running, and none of its own containers', async () => {
  const earlier = await killWorkerOf(['sleep', '600'], '1');
  const own = await killWorkerOf(['sleep', '600'], '2');
  const removed = await removeLeftovers(
    { engine, signal: never },
    { labels, runUid: labelValue, exceptAttempt: '2' },
  );
  assert.equal(removed, [earlier]);
  assert.equal(await containers(), [own]);
  await removeLeftovers({ engine, signal: never }, { labels, runUid: labelValue });
  assert.equal(await containers(), []);
});

test('a container that was created a moment ago and not started is left to its worker', async () => {
  const body = {
    Image: 'busybox:local',
    Cmd: ['true'],
    Labels: { [labelKey]: labelValue, [labels.attempt]: '3' },
  };
  const container = await engine.docker.createContainer(body);
  const removed = await removeLeftovers({ engine, signal: never }, { labels, runUid: 'another run' });
  assert.equal(removed, []);
  await container.remove();
});

test.after(async () => {
  assert.equal(await containers(), []);
});

test.run();
