import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import type { BindMount } from '../../../src/docker/create/container-spec.ts';
import { imageWantsGpu } from '../../../src/docker/create/gpu-request.ts';
import { removeContainer } from '../../../src/docker/remove-container.ts';
import {
  containerOf,
  engineUnderTest,
  failureOf,
  image,
  leftContainers,
  never,
  run,
} from './engine-under-test.ts';

const engine = await engineUnderTest();
const root = await mkdtemp(join(tmpdir(), 'dockerrun-volumes-'));
const [seen, other] = [join(root, 'seen'), join(root, 'other')];

/** A mount whose probe file the worker put into `seen`. */
const mountOf = (source: string, more: Partial<BindMount> = {}): BindMount => ({
  type: 'bind',
  source,
  target: '/data/in',
  readOnly: true,
  probe: { file: '.probe-1' },
  configuredBy: 'the operator setting DOCKERRUN_KUBELET_ROOT',
  ...more,
});

/** Creates an image with a change that is written as in a Dockerfile. */
async function imageWith(change: string): Promise<string> {
  const { name, labels } = containerOf(['true']);
  const base = await engine.docker.createContainer({ name, Labels: labels, Image: image });
  try {
    const repo = 'dockerrun-test/changed';
    const made: unknown = await base.commit({ repo, tag: name, changes: change });
    assert.ok(made);
    return `${repo}:${name}`;
  } finally {
    await removeContainer(engine, base.id, never);
  }
}

test.before(async () => {
  await mkdir(seen);
  await mkdir(other);
  await writeFile(join(seen, '.probe-1'), '');
});

test("a mount in which the engine sees the worker's probe file is mounted", async () => {
  const { stdout } = await run(engine, ['ls', '-a', '/data/in'], { container: { mounts: [mountOf(seen)] } });
  assert.match(stdout, /\.probe-1/);
});

test('a mount in which the engine sees another directory is refused before the start', async () => {
  const mounts = [mountOf(seen, { target: '/fine' }), mountOf(other)];
  let hasStarted = false;
  const failure = await failureOf(
    run(engine, ['true'], { container: { mounts }, support: { onStarted: () => void (hasStarted = true) } }),
  );
  assert.is(failure.reason, 'HostPathNotVisible');
  assert.ok(failure.message.includes(other), failure.message);
  assert.match(failure.message, /another directory .* DOCKERRUN_KUBELET_ROOT/);
  assert.not(hasStarted);
});

test('a mount without a probe is not checked', async () => {
  const mounts = [mountOf(other, { probe: undefined })];
  assert.is((await run(engine, ['true'], { container: { mounts } })).outcome.exitCode, 0);
});

test('a mount is compared with what the worker sees there, even if that keeps changing', async () => {
  const same = (source: string) => ({ mounts: [mountOf(source, { probe: { sameAs: seen } })] });
  const file = join(seen, '.probe-1');
  const ofFile = { mounts: [mountOf(file, { target: '/file', probe: { sameAs: file } })] };
  for (const container of [same(seen), ofFile])
    assert.is((await run(engine, ['true'], { container })).outcome.exitCode, 0);
  // Both were made within one tick of the kernel's clock.
  await utimes(other, 1, 1);
  const failure = await failureOf(run(engine, ['true'], { container: same(other) }));
  assert.is(failure.reason, 'HostPathNotVisible');
  const busy = new AbortController();
  const changing = (async () => {
    for (let time = 1; !busy.signal.aborted; time += 1) await utimes(seen, time, time).then(() => nextTurn());
  })();
  try {
    assert.is((await run(engine, ['true'], { container: same(seen) })).outcome.exitCode, 0);
  } finally {
    busy.abort();
    await changing;
  }
});

test('the anonymous volumes of an image are removed with the container, however it ends', async () => {
  const withVolume = await imageWith('VOLUME /data');
  const made: string[] = [];
  const beforeStart = async (id: string) => {
    const { Mounts } = await engine.docker.getContainer(id).inspect();
    made.push(...Mounts.flatMap(({ Name, Destination }) => (Destination === '/data' ? [Name ?? ''] : [])));
  };
  const container = { image: withVolume };
  const cancelling = new AbortController();
  const onStarted = () => cancelling.abort();
  try {
    await run(engine, ['true'], { container, support: { beforeStart } });
    await run(engine, ['sleep', '600'], {
      container,
      support: { beforeStart, onStarted, signal: cancelling.signal },
    });
    const docker = { user: 'nobody-such' };
    await failureOf(run(engine, ['true'], { container: { ...container, docker }, support: { beforeStart } }));
    assert.is(new Set(made).size, 3);
    const { Volumes } = await engine.docker.listVolumes();
    assert.equal(
      Volumes.filter(({ Name }) => made.includes(Name)),
      [],
    );
  } finally {
    await engine.docker.getImage(withVolume).remove();
  }
});

test("an image asks for a GPU by NVIDIA's label", async () => {
  const labelled = await imageWith('LABEL com.nvidia.volumes.needed=nvidia_driver');
  try {
    assert.is(await imageWantsGpu({ engine, signal: never }, labelled), true);
    assert.is(await imageWantsGpu({ engine, signal: never }, image), false);
  } finally {
    await engine.docker.getImage(labelled).remove();
  }
});

test.after(async () => {
  await rm(root, { recursive: true });
  assert.equal(await leftContainers(engine), []);
});

test.run();
