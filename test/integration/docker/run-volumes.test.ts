import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BindMount } from '../../../src/docker/container-spec.ts';
import { imageWantsGpu } from '../../../src/docker/gpu-request.ts';
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

/** A mount whose probe the worker put into `seen`. */
const mountOf = (source: string, more: Partial<BindMount> = {}): BindMount => ({
  type: 'bind',
  source,
  target: '/data/in',
  readOnly: true,
  probe: { file: '.probe-1' },
  setting: 'the operator setting DOCKERRUN_KUBELET_ROOT',
  ...more,
});

/** Makes an image with a change, as in a Dockerfile. */
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

/** The volumes that no container named. */
async function anonymousVolumes(): Promise<string[]> {
  const { Volumes } = await engine.docker.listVolumes();
  return Volumes.map(({ Name }) => Name).filter((name) => /^[0-9a-f]{64}$/.test(name));
}

test.before(async () => {
  await mkdir(seen);
  await mkdir(other);
  await writeFile(join(seen, '.probe-1'), '');
});

test('a mount in which the engine sees the file of the worker is mounted', async () => {
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

test('a mount without a probe is not looked into', async () => {
  const mounts = [mountOf(other, { probe: undefined })];
  assert.is((await run(engine, ['true'], { container: { mounts } })).outcome.exitCode, 0);
});

test('the anonymous volumes of an image are removed with the container, however it ends', async () => {
  const before = await anonymousVolumes();
  const withVolume = await imageWith('VOLUME /data');
  try {
    const mounted = ['grep', '-c', ' /data ', '/proc/mounts'];
    const { stdout } = await run(engine, mounted, { container: { image: withVolume } });
    assert.is(stdout, '1\n');
    const cancelling = new AbortController();
    const { outcome } = await run(engine, ['sleep', '600'], {
      container: { image: withVolume },
      support: { onStarted: () => cancelling.abort(), signal: cancelling.signal },
    });
    assert.is(outcome.stopped, 'cancelled');
    const docker = { user: 'nobody-such' };
    await failureOf(run(engine, ['true'], { container: { image: withVolume, docker } }));
    const added = (await anonymousVolumes()).filter((name) => !before.includes(name));
    assert.equal(added, []);
  } finally {
    await engine.docker.getImage(withVolume).remove();
  }
});

test("an image says by NVIDIA's label that it wants a GPU", async () => {
  const labelled = await imageWith('LABEL com.nvidia.volumes.needed=nvidia_driver');
  try {
    assert.is(await imageWantsGpu(engine, labelled, never), true);
    assert.is(await imageWantsGpu(engine, image, never), false);
  } finally {
    await engine.docker.getImage(labelled).remove();
  }
});

test.after(async () => {
  await rm(root, { recursive: true });
  assert.equal(await leftContainers(engine), []);
});

test.run();
