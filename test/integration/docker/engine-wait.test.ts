import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { connectEngine, type Engine } from '../../../src/docker/engine.ts';
import { EngineWait } from '../../../src/docker/engine-wait.ts';
import { cleanEngine } from '../../../src/docker/leftovers.ts';
import { imageId } from '../../../src/docker/pull/pull-image.ts';
import { ensureImage } from '../../../src/docker/pull/ensure-image.ts';
import { runContainer } from '../../../src/docker/run-container.ts';
import { RunError } from '../../../src/support/errors.ts';
import { OwnEngine } from '../../fixtures/own-engine.ts';
import { recordObservation } from '../../fixtures/reliability-page.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { until } from '../../fixtures/until.ts';
import { collector, containerOf, failureOf, followedInto, never } from './engine-under-test.ts';
import { type SmallRegistry, startRegistry } from './small-registry.ts';

/** What the node does to its engine while a run is prepared; the engine is the test's own. */
type World = {
  stack: AsyncDisposableStack;
  own: OwnEngine;
  engine: Engine;
  registry: SmallRegistry;
};
const test = suite<World>('engine wait');

test.before(async (world) => {
  world.stack = new AsyncDisposableStack();
  world.own = world.stack.use(await OwnEngine.start());
  world.engine = await connectEngine({ socketPath: world.own.socketPath, signal: never });
  world.registry = await startRegistry();
  world.stack.defer(() => world.registry.close());
});
test.after(({ stack }) => stack.disposeAsync());

/** A wait, and what it shows. */
function aWait({ socketPath }: { socketPath: string }, signal: AbortSignal = never) {
  const seen: { problem: RunError | undefined } = { problem: undefined };
  const wait = new EngineWait({ socketPath, signal, onAway: (problem) => (seen.problem = problem) });
  const shows = (pattern: RegExp) =>
    until('the wait shows the problem', () => pattern.test(seen.problem?.message ?? ''), {
      withinMs: 60_000,
    });
  return { wait, seen, shows };
}

/** Runs a target that adds a line to a file, with something that happens between its creation and its start. */
async function startsOnce({ own, engine }: World, beforeStart: (shows: Shows) => Promise<void>) {
  using directory = new ScratchDirectory('starts');
  const file = join(directory.path, 'starts');
  writeFileSync(file, '');
  const { wait, seen, shows } = aWait(own);
  const { sink, text } = collector();
  const options = containerOf(['sh', '-c', 'echo started >>/mnt/starts; echo hello'], {
    mounts: [{ type: 'bind', source: directory.path, target: '/mnt', readOnly: false }],
    docker: { network: 'none' },
  });
  let prepared = 0;
  const outcome = await runContainer({ engine, signal: never }, options, {
    ...followedInto(sink, sink),
    wait,
    beforeStart: async () => {
      prepared += 1;
      await beforeStart(shows);
    },
  });
  assert.is(outcome.exitCode, 0);
  assert.is(prepared, 1);
  assert.is(readFileSync(file, 'utf8'), 'started\n');
  assert.is(text(), 'hello\n');
  assert.is(seen.problem, undefined);
}
type Shows = ReturnType<typeof aWait>['shows'];

const cleaned = ({ own }: World, wait: EngineWait) =>
  cleanEngine({ dockerSocket: own.socketPath, runUid: 'some-run', signal: wait.signal, wait });

test('a run waits for an engine that hangs, and continues when it answers again', async (world) => {
  const { wait, seen, shows } = aWait(world.own);
  world.own.hang();
  const connecting = cleaned(world, wait);
  await shows(/does not answer/);
  world.own.resume();
  assert.is((await connecting).serverVersion, world.engine.serverVersion);
  assert.is(seen.problem, undefined);
});

test('a run waits for an engine that was killed, and continues when it was started again', async (world) => {
  const { wait, shows } = aWait(world.own);
  await world.own.kill();
  const connecting = cleaned(world, wait);
  await shows(/ECONNREFUSED/);
  await world.own.up();
  assert.is((await connecting).serverVersion, world.engine.serverVersion);
});

test('the end of the wait has the reason of its signal', async (world) => {
  const deadline = new AbortController();
  const { wait, shows } = aWait(world.own, deadline.signal);
  world.own.hang();
  const connecting = failureOf(cleaned(world, wait));
  await shows(/does not answer/);
  deadline.abort(new RunError('StartDeadlineExceeded', 'too late'));
  assert.is((await connecting).reason, 'StartDeadlineExceeded');
  world.own.resume();
});

test('a target starts once although the engine hung between its creation and its start', async (world) => {
  await startsOnce(world, async () => {
    world.own.hang();
    setTimeout(() => world.own.resume(), 3_000);
  });
});

test('a target starts once although the engine was killed between its creation and its start', async (world) => {
  await startsOnce(world, async (shows) => {
    await world.own.kill();
    void shows(/ECONNREFUSED|ENOENT/).then(() => world.own.up());
  });
  recordObservation({
    fault: 'The Docker Engine is killed, and started again, between the creation and the start of a target',
    seen: 'the target starts once, in the same attempt',
    left: 'the output of one start',
  });
});

test('a pull that the end of the engine cut off is made again', async (world) => {
  const { own, engine, registry } = world;
  const { wait, shows } = aWait(own);
  const image = registry.reference('ok');
  await own.kill();
  const options = { image, policy: 'Always', onProgress: () => undefined } as const;
  const pulling = wait.until(() => ensureImage({ engine, signal: never }, options));
  await shows(/ECONNREFUSED/);
  await own.up();
  assert.match(await pulling, /^sha256:/);
});

test('a full disk of the engine is shown, and the run continues once there is space', async (world) => {
  const { own, engine, registry } = world;
  const { wait, shows } = aWait(own);
  const image = registry.reference('ok');
  const present = engine.docker.getImage(image);
  if ((await imageId(engine, image, never)) !== undefined) await present.remove();
  const full = own.fill(1024 * 1024);
  const options = { image, policy: 'IfNotPresent', onProgress: () => undefined } as const;
  const pulling = wait.until(() => ensureImage({ engine, signal: never }, options));
  await shows(/no space left on device/);
  full[Symbol.dispose]();
  assert.match(await pulling, /^sha256:/);
  recordObservation({
    fault: 'The disk of the Docker Engine is full while a run pulls its image, until there is space again',
    seen: 'Preparing with "no space left on device", then the pull succeeds in the same attempt',
    left: 'the image, whole',
  });
});

test('a worker whose mounted socket was replaced gives the node the fault', async ({ own }) => {
  using directory = new ScratchDirectory('mounted');
  const socketPath = join(directory.path, 'docker.sock');
  writeFileSync(socketPath, '');
  execFileSync('mount', ['--bind', own.socketPath, socketPath]);
  try {
    await own.kill();
    await own.up();
    const { wait } = aWait({ socketPath });
    const failure = await failureOf(
      cleanEngine({ dockerSocket: socketPath, runUid: 'some-run', signal: never, wait }),
    );
    assert.is(failure.reason, 'EngineReplaced');
  } finally {
    execFileSync('umount', [socketPath]);
  }
});

test.run();
