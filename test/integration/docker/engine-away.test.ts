import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { connectEngine } from '../../../src/docker/engine.ts';
import { ExitWatch } from '../../../src/docker/exit-watch.ts';
import { removeLeftovers } from '../../../src/docker/leftovers.ts';
import { removeContainer } from '../../../src/docker/remove-container.ts';
import { runContainer } from '../../../src/docker/run-container.ts';
import { recordObservation } from '../../fixtures/reliability-page.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { EngineProxy } from './engine-proxy.ts';
import {
  collector,
  containerOf,
  engineSocket,
  engineUnderTest,
  failureOf,
  leftContainers,
  never,
  run,
  followedInto,
} from './engine-under-test.ts';

const direct = await engineUnderTest();
const proxy = new EngineProxy(engineSocket(), 'away');
await proxy.up();
const engine = await connectEngine({ socketPath: proxy.socketPath, signal: never });

/** Takes the engine away `afterMs` after the start, for `forMs`. */
function away(afterMs: number, forMs: number) {
  return () => {
    setTimeout(() => {
      void proxy.down().then(() => setTimeout(() => void proxy.up(), forMs));
    }, afterMs);
  };
}

test('the exit code is reported although the engine was away while the target ran', async () => {
  const { outcome, stdout } = await run(engine, ['sh', '-c', 'echo first; sleep 10; echo last; exit 3'], {
    cue: { printed: 'first\n', act: away(0, 500) },
  });
  assert.is(outcome.exitCode, 3);
  assert.is(stdout, 'first\nlast\n');
  assert.not(outcome.outputComplete, 'output printed while the engine was away cannot be known');
});

test('a target that ended while the engine was away is not lost', async () => {
  const { outcome } = await run(engine, ['sh', '-c', 'sleep 1; exit 4'], {
    support: { onStarted: away(300, 2_500) },
  });
  assert.is(outcome.exitCode, 4);
  assert.equal(await leftContainers(direct), []);
  recordObservation({
    fault: 'The Docker Engine cannot be reached while a target ends',
    seen: 'the end of the target, with its exit code',
    left: '0 containers',
  });
});

test('a target that was killed while the engine was away is lost, because the engine killed it when it restarted', async () => {
  using held = ScratchDirectory.mountable();
  const { name, ...container } = containerOf([], {
    mounts: [{ type: 'bind', source: held.path, target: '/held', readOnly: true }],
  });
  const killWhileAway = async () => {
    await proxy.down();
    const end = direct.docker.getContainer(name).wait();
    writeFileSync(join(held.path, 'go'), '');
    await end.catch(() => undefined);
    await proxy.up();
  };
  const script = 'while [ ! -e /held/go ]; do sleep 0.1; done; kill -15 $$';
  const failure = await failureOf(
    run(engine, ['sh', '-c', script], {
      container: { name, mounts: container.mounts },
      support: { onStarted: () => void killWhileAway() },
    }),
  );
  assert.is(failure.reason, 'ContainerLost');
  assert.match(failure.message, 'restarted');
});

test('a cancel while the engine is away takes effect when it is back', async () => {
  const cancelling = new AbortController();
  const takeAway = away(200, 1_500);
  const onStarted = () => {
    takeAway();
    setTimeout(() => cancelling.abort(), 600);
  };
  const { outcome } = await run(engine, ['sleep', '600'], {
    support: { onStarted, signal: cancelling.signal },
  });
  assert.is(outcome.stopped, 'cancelled');
  assert.equal(await leftContainers(direct), []);
});

test('a cancel gives up on an engine that hangs within 14 s after the grace period, and names what is left', async () => {
  const cancelling = new AbortController();
  let begin = 0;
  const onStarted = () => {
    proxy.stall();
    begin = Date.now();
    cancelling.abort();
  };
  const options = containerOf(['sleep', '600']);
  const { sink } = collector();
  const following = { ...followedInto(sink, sink), onStarted };
  const { signal } = cancelling;
  const failure = await failureOf(runContainer({ engine, signal }, options, following));
  const took = Date.now() - begin;
  await proxy.down();
  await proxy.up();
  await removeContainer(direct, options.name, never);
  assert.is(failure.reason, 'EngineUnavailable');
  assert.match(failure.message, /could not be removed within 8 s/);
  assert.ok(took < 25_000, `${took} ms`);
});

test('leftovers that cannot be listed are reported as a failure of the engine', async () => {
  await proxy.down();
  const labels = { runUid: 'dockerrun-test/run-uid', attempt: 'dockerrun-test/attempt' };
  const failure = await failureOf(removeLeftovers({ engine, signal: never }, { labels, runUid: 'x' }));
  await proxy.up();
  assert.is(failure.reason, 'EngineUnavailable');
  assert.match(failure.message, proxy.socketPath);
});

test('leftovers that a hanging engine does not remove do not hold up a cancel', async () => {
  const { labels, ...options } = containerOf([]);
  const run = { runUid: 'dockerrun-test/run-uid', attempt: 'dockerrun-test/attempt' };
  const Labels = { ...labels, [run.runUid]: options.name };
  await direct.docker.createContainer({ name: options.name, Image: options.image, Labels });
  const cancelling = new AbortController();
  const removing = failureOf(
    removeLeftovers({ engine, signal: cancelling.signal }, { labels: run, runUid: options.name }),
  );
  proxy.stall();
  const begin = Date.now();
  cancelling.abort();
  await removing;
  assert.ok(Date.now() - begin < 20_000, `${Date.now() - begin} ms`);
  await proxy.down();
  await proxy.up();
  await removeContainer(direct, options.name, never);
});

test('an engine that stays away loses the container after the bound, which the error reports', async () => {
  const { name, ...options } = containerOf(['sleep', '600']);
  const container = await direct.docker.createContainer({
    name,
    Image: options.image,
    Cmd: ['sleep', '600'],
    Labels: options.labels,
  });
  const watch = await ExitWatch.open(engine, container.id, never, {
    unreachableMs: 2_000,
    reconnectEveryMs: 100,
  });
  await container.start();
  await watch.started;
  const begin = Date.now();
  await proxy.down();
  const failure = await failureOf(watch.exited);
  assert.is(failure.reason, 'ContainerLost');
  assert.ok(Date.now() - begin >= 1_900 && Date.now() - begin < 30_000);
  watch.close();
  await removeContainer(direct, name, never);
  await proxy.up();
});

test('an engine that is replaced by one on another socket loses the container at once', async () => {
  using directory = new ScratchDirectory('replaced');
  const socketPath = join(directory.path, 'docker.sock');
  writeFileSync(socketPath, '');
  execFileSync('mount', ['--bind', proxy.socketPath, socketPath]);
  try {
    const mounted = await connectEngine({ socketPath, signal: never });
    const { labels, name } = containerOf([]);
    const create = { name, Image: 'busybox:local', Cmd: ['sleep', '600'], Labels: labels };
    const container = await direct.docker.createContainer(create);
    const watch = await ExitWatch.open(mounted, container.id, never, { unreachableMs: 3_600_000 });
    await container.start();
    await watch.started;
    await proxy.down();
    await proxy.up();
    const failure = await failureOf(watch.exited);
    watch.close();
    await removeContainer(direct, name, never);
    assert.is(failure.reason, 'ContainerLost');
    assert.match(failure.message, 'another socket');
  } finally {
    execFileSync('umount', [socketPath]);
  }
});

test('an inspect makes up for a missed event', async () => {
  const container = await direct.docker.createContainer({
    Image: 'busybox:local',
    Cmd: ['sh', '-c', 'sleep 0.5; exit 6'],
    Labels: containerOf([]).labels,
  });
  // An inspect accepts a shortened id, but events always carry the full one.
  const watch = await ExitWatch.open(direct, container.id.slice(0, 12), never, {
    inspectEveryMs: 300,
    eventLagMs: 100,
  });
  await container.start();
  assert.is((await watch.exited).exitCode, 6);
  watch.close();
  await container.remove();
});

test('connecting waits for an engine that comes back within the bound', async () => {
  await proxy.down();
  setTimeout(() => void proxy.up(), 1_500);
  const again = await connectEngine({ socketPath: proxy.socketPath, signal: never });
  assert.is(again.serverVersion, direct.serverVersion);
});

test('an error about a socket that is not served names the socket and the setting that chooses it', async () => {
  const failure = await failureOf(
    connectEngine({ socketPath: '/nosuch.sock', signal: never, restartMs: 100 }),
  );
  assert.is(failure.reason, 'EngineUnavailable');
  assert.match(failure.message, '/nosuch.sock');
  assert.match(failure.message, 'DOCKERRUN_DOCKER_SOCKET');
});

test('DOCKER_HOST and related variables never override the requested socket', async () => {
  const host = process.env['DOCKER_HOST'];
  process.env['DOCKER_HOST'] = 'tcp://192.0.2.1:2375';
  try {
    const other = await connectEngine({ socketPath: engineSocketOf(host), signal: never, restartMs: 100 });
    assert.is(other.serverVersion, direct.serverVersion);
  } finally {
    process.env['DOCKER_HOST'] = host;
  }
});

function engineSocketOf(host: string | undefined): string {
  return (host ?? '').replace('unix://', '');
}

test.after(async () => {
  await proxy.down();
  assert.equal(await leftContainers(direct), []);
});

test.run();
