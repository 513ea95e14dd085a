import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { NamedVolume } from '../../../src/docker/create/container-spec.ts';
import { connectEngine } from '../../../src/docker/engine.ts';
import { test } from '../../fixtures/suite.ts';
import { EngineProxy } from './engine-proxy.ts';
import {
  engineSocket,
  engineUnderTest,
  failureOf,
  image,
  leftContainers,
  never,
  run,
} from './engine-under-test.ts';

const engine = await engineUnderTest();
const secret = await mkdtemp(join(tmpdir(), 'dockerrun-named-'));
const prefix = `dockerrun-test-${randomBytes(6).toString('hex')}`;
const label = { 'dockerrun.dev/run': 'lab/segment' };

/** A mount of the volume at /cache, of the field that a spec would have. */
const mountOf = (name: string, more: Partial<NamedVolume> = {}): NamedVolume => ({
  name: `${prefix}-${name}`,
  target: '/cache',
  readOnly: false,
  field: 'spec.volumes: cache.namedVolume',
  ...more,
});

/** Options that make a volume this directory of the node. */
const bindOf = (device: string) => ({ type: 'none', o: 'bind', device });

const withVolumes = (...namedVolumes: NamedVolume[]) => ({ container: { namedVolumes } });

async function volumes(): Promise<string[]> {
  const { Volumes } = await engine.docker.listVolumes();
  return Volumes.map(({ Name }) => Name).filter((name) => name.startsWith(prefix));
}

test.after.each(async () => {
  for (const name of await volumes()) await engine.docker.getVolume(name).remove();
});

test('what a target writes to a volume of Docker is there for the next one, after both containers are gone', async () => {
  await engine.docker.createVolume({ Name: mountOf('kept').name });
  await run(engine, ['sh', '-c', 'echo weights > /cache/model'], withVolumes(mountOf('kept')));
  const { stdout } = await run(engine, ['cat', '/cache/model'], withVolumes(mountOf('kept')));
  assert.is(stdout, 'weights\n');
  assert.equal(await leftContainers(engine), []);
  assert.equal(await volumes(), [mountOf('kept').name]);
});

test('a read-only volume cannot be written to, and gets nothing from the image', async () => {
  const at = (name: string, readOnly: boolean) => mountOf(name, { target: '/bin', readOnly });
  for (const name of ['read', 'write']) await engine.docker.createVolume({ Name: mountOf(name).name });
  // Where the image has its programs, an empty volume hides them all.
  const failure = await failureOf(run(engine, ['true'], withVolumes(at('read', true))));
  assert.is(failure.reason, 'ContainerStartFailed');
  await run(engine, ['true'], withVolumes(at('write', false)));
  const list = ['sh', '-c', 'ls /cache | wc -l; touch /cache/x'];
  const read = await run(engine, list, withVolumes(mountOf('read', { readOnly: true })));
  assert.equal([read.stdout, read.outcome.exitCode], ['0\n', 1]);
  assert.match(read.stderr, /Read-only file system/);
  const written = await run(engine, list, withVolumes(mountOf('write')));
  assert.equal([Number(written.stdout) > 0, written.outcome.exitCode], [true, 0]);
});

test('a volume that does not exist is not created, and the run fails with its name', async () => {
  const failure = await failureOf(run(engine, ['true'], withVolumes(mountOf('missing'))));
  assert.is(failure.reason, 'NamedVolumeNotFound');
  assert.is(
    failure.message,
    `spec.volumes: cache.namedVolume: there is no volume of Docker named ${prefix}-missing on the node`,
  );
  assert.equal(await volumes(), []);
});

test('a volume that may be created is created with the label of its run, once, and stays', async () => {
  const creating = mountOf('new', { createdWith: label });
  const runs = ['a', 'b'].map((name) => run(engine, ['touch', `/cache/${name}`], withVolumes(creating)));
  for (const { outcome } of await Promise.all(runs)) assert.is(outcome.exitCode, 0);
  const { stdout } = await run(engine, ['ls', '/cache'], withVolumes(creating));
  assert.is(stdout, 'a\nb\n');
  assert.equal((await engine.docker.getVolume(creating.name).inspect()).Labels, label);
});

test('a volume whose options make it a directory of the node is refused, and nothing is mounted', async () => {
  const bind = mountOf('bind', { createdWith: label });
  await engine.docker.createVolume({ Name: bind.name, Driver: 'local', DriverOpts: bindOf(secret) });
  const failure = await failureOf(run(engine, ['touch', '/cache/x'], withVolumes(bind)));
  assert.is(failure.reason, 'NamedVolumeNotAllowed');
  assert.match(
    failure.message,
    /^spec\.volumes: cache\.namedVolume: the volume .*-bind was created with options \(device, o, type\), .* use a bindMount/,
  );
  assert.equal(await readdir(secret), []);
  assert.equal(await leftContainers(engine), []);
});

/** An engine behind a socket at which `before` sees the beginning of each request first. */
async function behindProxy(before: (head: string) => Promise<void>) {
  const proxy = new EngineProxy(engineSocket(), 'named-volumes');
  proxy.before = before;
  await proxy.up();
  const connected = await connectEngine({ socketPath: proxy.socketPath, signal: never });
  return { engine: connected, [Symbol.asyncDispose]: () => proxy.down() };
}

test('a volume that another one replaces before the container holds it is refused before the start', async () => {
  const { name } = mountOf('swapped');
  await engine.docker.createVolume({ Name: name });
  await using proxied = await behindProxy(async (head) => {
    if (!/^POST \S*\/containers\/create/.test(head)) return;
    await engine.docker.getVolume(name).remove();
    await engine.docker.createVolume({ Name: name, Driver: 'local', DriverOpts: bindOf(secret) });
  });
  let hasStarted = false;
  const failure = await failureOf(
    run(proxied.engine, ['touch', '/cache/x'], {
      ...withVolumes(mountOf('swapped')),
      support: { onStarted: () => void (hasStarted = true) },
    }),
  );
  assert.is(failure.reason, 'NamedVolumeNotAllowed');
  assert.not(hasStarted);
  assert.equal(await readdir(secret), []);
  assert.equal(await leftContainers(engine), []);
});

test('an engine that breaks off while it is asked for a volume is reported as such', async () => {
  await using proxied = await behindProxy(async (head) => {
    if (/^GET \S*\/volumes\//.test(head)) throw new Error('broken off');
  });
  const failure = await failureOf(run(proxied.engine, ['true'], withVolumes(mountOf('any'))));
  assert.is(failure.reason, 'EngineUnavailable');
});

test('the volume of a cancelled run stays', async () => {
  await engine.docker.createVolume({ Name: mountOf('cancelled').name });
  const cancelling = new AbortController();
  await run(engine, ['sleep', '600'], {
    container: { image, namedVolumes: [mountOf('cancelled')] },
    support: { signal: cancelling.signal, onStarted: () => cancelling.abort() },
  });
  assert.equal(await volumes(), [mountOf('cancelled').name]);
});

test.after(async () => {
  await rm(secret, { recursive: true });
  assert.equal(await leftContainers(engine), []);
});

test.run();
