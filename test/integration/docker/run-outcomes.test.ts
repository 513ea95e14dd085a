import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { containerOf, engineUnderTest, failureOf, image, leftContainers, run } from './engine-under-test.ts';

const engine = await engineUnderTest();
const eatMemory = ['sh', '-c', 'sleep 0.2; x=a; while true; do x=$x$x; done'];

for (const code of [0, 1, 3, 126, 127, 137, 255]) {
  test(`the outcome reports the target's exit code ${code}`, async () => {
    const { outcome } = await run(engine, ['sh', '-c', `exit ${code}`]);
    assert.is(outcome.exitCode, code);
    assert.not(outcome.oomKilled);
    assert.is(outcome.stopped, undefined);
    assert.ok(outcome.outputComplete);
    assert.ok(Date.parse(outcome.finishedAt) >= Date.parse(outcome.startedAt));
  });
}

test("a target killed by a signal exits with 128 + the signal's number, also under the init process", async () => {
  assert.is((await run(engine, ['sh', '-c', 'kill -9 $$'])).outcome.exitCode, 137);
  assert.is((await run(engine, ['sh', '-c', 'kill -15 $$'])).outcome.exitCode, 143);
});

test('a target that uses more than its memory limit is reported as OOM killed, also right after its start', async () => {
  for (let i = 0; i < 10; i += 1) {
    const command = i < 5 ? eatMemory : ['tail', '/dev/zero'];
    const { outcome } = await run(engine, command, { container: { memoryBytes: 16 * 1024 * 1024 } });
    assert.is(outcome.exitCode, 137);
    assert.ok(outcome.oomKilled, `${i}`);
  }
});

test('a child that is OOM killed is reported although the target continues and exits with its own code', async () => {
  // A busy engine sees the kill late, and never sees a kill in a container that has already ended.
  const script = `sh -c '${eatMemory[2] ?? ''}'; sleep 10; exit 5`;
  const { outcome } = await run(engine, ['sh', '-c', script], {
    container: { memoryBytes: 16 * 1024 * 1024 },
  });
  assert.is(outcome.exitCode, 5);
  assert.ok(outcome.oomKilled);
});

test('a command that does not exist fails the start and is not reported as exit code 127', async () => {
  const failure = await failureOf(run(engine, ['/nosuch', 'argument']));
  assert.is(failure.reason, 'ContainerStartFailed');
  assert.is(failure.message, 'The container could not start: exec /nosuch failed: No such file or directory');
});

test('a command that is not executable fails the start', async () => {
  const failure = await failureOf(run(engine, ['/etc/passwd']));
  assert.is(failure.reason, 'ContainerStartFailed');
  assert.match(failure.message, 'Permission denied');
});

test('without an init process the engine refuses the start, and its message is shortened to the cause', async () => {
  const failure = await failureOf(run({ ...engine, hasInit: false }, ['/nosuch']));
  assert.is(failure.reason, 'ContainerStartFailed');
  assert.is(
    failure.message,
    'The container could not start: exec: "/nosuch": stat /nosuch: no such file or directory',
  );
});

test('a target that exits with 127 itself keeps its exit code 127', async () => {
  const { outcome, stderr } = await run(engine, ['sh', '-c', 'nosuch']);
  assert.is(outcome.exitCode, 127);
  assert.match(stderr, 'not found');
});

test('a missing source of a bind mount is named in the error, and nothing is created on the node', async () => {
  const source = join(tmpdir(), 'dockerrun-no-such-directory');
  const mounts = [{ type: 'bind', source, target: '/x', readOnly: true } as const];
  const failure = await failureOf(run(engine, ['true'], { container: { mounts } }));
  assert.is(failure.reason, 'HostPathNotVisible');
  assert.match(failure.message, source);
});

test('the target cannot write to a read-only mount', async () => {
  const source = await mkdtemp(join(tmpdir(), 'dockerrun-mount-'));
  try {
    const mounts = [{ type: 'bind', source, target: '/x', readOnly: true } as const];
    const { outcome, stderr } = await run(engine, ['touch', '/x/file'], { container: { mounts } });
    assert.is(outcome.exitCode, 1);
    assert.match(stderr, 'Read-only file system');
  } finally {
    await rm(source, { recursive: true });
  }
});

test('an image that is not on the node is named in the error', async () => {
  const failure = await failureOf(run(engine, ['true'], { container: { image: 'dockerrun-nosuch:1' } }));
  assert.is(failure.reason, 'ImageNotFound');
  assert.match(failure.message, 'dockerrun-nosuch:1');
});

test('the same attempt cannot be started twice', async () => {
  const container = containerOf([]);
  const started = Promise.withResolvers<void>();
  const cancelling = new AbortController();
  const first = run(engine, ['sleep', '600'], {
    container: { name: container.name },
    support: { onStarted: () => started.resolve(), signal: cancelling.signal },
  });
  await Promise.race([started.promise, first]);
  const failure = await failureOf(run(engine, ['true'], { container: { name: container.name } }));
  assert.is(failure.reason, 'ContainerCreateFailed');
  assert.match(failure.message, 'started before');
  cancelling.abort();
  assert.is((await first).outcome.stopped, 'cancelled', 'the first has run until now');
});

test('the target runs with no_new_privs, few capabilities, a pids limit and its cgroup limits', async () => {
  const script =
    'grep -E "NoNewPrivs|CapBnd" /proc/self/status; cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null';
  const { stdout } = await run(engine, ['sh', '-c', script]);
  assert.match(stdout, /NoNewPrivs:\s+1/);
  assert.match(stdout, /CapBnd:\s+00000000000004fb/);
  assert.match(stdout, /^4096$/m);
});

test("a CPU limit above the node's CPUs is accepted, as in Kubernetes", async () => {
  const { outcome } = await run(engine, ['true'], { container: { nanoCpus: 512e9, cpuShares: 2 } });
  assert.is(outcome.exitCode, 0);
});

test('a target killed from outside keeps the exit code of the kill while the engine is available', async () => {
  const { name } = containerOf([]);
  const onStarted = () =>
    void engine.docker
      .getContainer(name)
      .kill()
      .catch(() => undefined);
  const { outcome } = await run(engine, ['sleep', '60'], { container: { name }, support: { onStarted } });
  assert.is(outcome.exitCode, 137);
  assert.is(outcome.stopped, undefined);
});

test('a container that is removed from outside ends the run at once', async () => {
  const { name } = containerOf([]);
  const onStarted = () =>
    void engine.docker
      .getContainer(name)
      .remove({ force: true })
      .catch(() => undefined);
  const begin = Date.now();
  const { outcome } = await run(engine, ['sleep', '60'], { container: { name }, support: { onStarted } });
  assert.is(outcome.exitCode, 137);
  assert.ok(Date.now() - begin < 30_000);
});

test('anonymous volumes of the image are removed with the container', async () => {
  const holder = await engine.docker.createContainer({ Image: image, Cmd: ['true'] });
  await holder.commit({ repo: 'dockerrun-test/volume', tag: 'local', changes: 'VOLUME /anonymous' });
  await holder.remove();
  const made: string[] = [];
  const beforeStart = async (id: string) => {
    const { Mounts } = await engine.docker.getContainer(id).inspect();
    made.push(...Mounts.map(({ Name }) => Name ?? ''));
  };
  try {
    const { stdout } = await run(engine, ['cat', '/proc/mounts'], {
      container: { image: 'dockerrun-test/volume:local' },
      support: { beforeStart },
    });
    assert.match(stdout, ' /anonymous ');
    assert.is(made.length, 1);
    const { Volumes } = await engine.docker.listVolumes();
    assert.not(Volumes.some(({ Name }) => made.includes(Name)));
  } finally {
    await engine.docker.getImage('dockerrun-test/volume:local').remove({ force: true });
  }
});

test.after(async () => {
  assert.equal(await leftContainers(engine), []);
});

test.run();
