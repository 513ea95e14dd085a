import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { connectEngine, type Engine } from '../../../src/docker/engine.ts';
import { Collector } from '../../../src/node-agent/collector.ts';
import { EngineHealth } from '../../../src/node-agent/engine-health.ts';
import { createLogger } from '../../../src/support/log.ts';
import { OwnEngine } from '../../fixtures/own-engine.ts';
import { until } from '../../fixtures/until.ts';
import { containerOf, failureOf, never } from './engine-under-test.ts';

/** The node agent's view of an engine of the test's own, and what it removes there. */
type World = { own: OwnEngine; engine: Engine; health: EngineHealth };
const test = suite<World>('collector');

test.before(async (world) => {
  world.own = await OwnEngine.start();
  world.engine = await connectEngine({ socketPath: world.own.socketPath, signal: never });
  world.health = new EngineHealth({ dockerSocket: world.own.socketPath, dockerRoot: world.own.disk });
});
test.after(({ own }) => own[Symbol.asyncDispose]());

const log = createLogger('silent', { write: () => undefined });

/** Collects once, with an agent that has seen the images for `seenMs`; returns what it removed. */
async function collected(
  { own, health }: World,
  settings: { keepContainersMs: number; imageUnusedMs: number },
) {
  const removed: string[] = [];
  const collector = new Collector({
    dockerSocket: own.socketPath,
    settings: { diskPercent: { high: 85, low: 80 }, ...settings },
    disk: async () => {
      await health.look(never);
      return health.disk;
    },
    onRemoved: (kind) => removed.push(kind),
    log,
  });
  // In the first pass, all images are new to it.
  await collector.collect(never);
  await collector.collect(never);
  return removed;
}

const patient = { keepContainersMs: 3_600_000, imageUnusedMs: 3_600_000 };

/** Creates a container of a run that has ended, or another one without the label. */
async function endedContainer({ engine }: World, labels: Record<string, string>): Promise<string> {
  const { name, image } = containerOf([]);
  const HostConfig = { NetworkMode: 'none' };
  const created = await engine.docker.createContainer({
    name,
    Image: image,
    Cmd: ['true'],
    Labels: labels,
    HostConfig,
  });
  await created.start();
  await created.wait();
  return name;
}

const ofRun = { 'dockerrun.dev/run-uid': 'some-run' };

async function names({ engine }: World): Promise<string[]> {
  const listed = await engine.docker.listContainers({ all: true });
  return listed.map(({ Names }) => Names.join('').slice(1));
}

test('a container that a run kept is removed after its time, and no other', async (world) => {
  const [kept, other] = [await endedContainer(world, ofRun), await endedContainer(world, {})];
  assert.equal(await collected(world, patient), []);
  assert.equal((await names(world)).toSorted(), [kept, other].toSorted());
  assert.equal(await collected(world, { ...patient, keepContainersMs: -1 }), ['container']);
  assert.equal(await names(world), [other]);
  await world.engine.docker.getContainer(other).remove();
});

test('a full disk makes the engine unfit, and an image in use stays', async (world) => {
  const { own, engine, health } = world;
  const user = await endedContainer(world, {});
  using full = own.fill(1024 * 1024);
  await health.look(never);
  assert.match(health.problem ?? '', /disk of the Docker Engine is full/);
  assert.equal(await collected(world, { ...patient, imageUnusedMs: -1 }), []);
  full[Symbol.dispose]();
  await engine.docker.getContainer(user).remove();
  await health.look(never);
  assert.is(health.problem, undefined);
});

test('while there is space, or the image was used a moment ago, it stays; else it is removed', async (world) => {
  const { own, engine } = world;
  const images = async () => (await engine.docker.listImages()).length;
  assert.equal(await collected(world, { ...patient, imageUnusedMs: -1 }), []);
  using _ = own.fill(16 * 1024 * 1024);
  assert.equal(await collected(world, patient), []);
  assert.is(await images(), 1);
  assert.equal(await collected(world, { ...patient, imageUnusedMs: -1 }), ['image']);
  assert.is(await images(), 0);
});

test('an engine that hangs is unfit after a while, ends the pass of the collector, and is fit again when it answers', async (world) => {
  const { own, health } = world;
  const looks = async () => {
    await health.look(never);
    return health.problem;
  };
  own.hang();
  try {
    await until('the engine is unfit', looks, { withinMs: 60_000 });
    assert.is((await failureOf(collected(world, patient))).reason, 'EngineUnavailable');
  } finally {
    own.resume();
  }
  await until('the engine is fit', async () => (await looks()) === undefined, { withinMs: 60_000 });
});

test.run();
