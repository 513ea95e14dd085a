import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DockerRunSpec } from '../../../src/api/spec.ts';
import { shareOf } from '../../../src/worker/pod/pod.ts';
import type { RunEnvironment } from '../../../src/worker/run-environment.ts';
import { targetOptions } from '../../../src/worker/target-options.ts';
import { aSpec } from '../../fixtures/builders.ts';
import { aContext, anEnvironment } from '../../fixtures/builders-worker.ts';

async function optionsOf(overrides: Partial<DockerRunSpec>, environment: Partial<RunEnvironment> = {}) {
  const context = aContext({ environment: anEnvironment(aSpec(overrides), environment) });
  const { mounts } = context.steps;
  return targetOptions(context, {
    mounts,
    downloaded: new Map(),
    imageId: 'sha256:1d',
    imageAsksForGpus: false,
  });
}

test('a container is of the image that was pulled, and keeps its name for messages', async () => {
  const { image, imageId } = await optionsOf({});
  assert.equal([image, imageId], ['busybox:1.36', 'sha256:1d']);
});

test('a container carries its run and attempt in its name and labels', async () => {
  const { name, labels, cgroupParent } = await optionsOf({});
  assert.is(name, 'dockerrun-run-uid-pod-uid');
  assert.equal(labels, {
    'dockerrun.dev/run-uid': 'run-uid',
    'dockerrun.dev/attempt': 'pod-uid',
    'dockerrun.dev/run': 'lab/segment',
  });
  assert.is(cgroupParent, '/kubepods/podpod-uid');
});

test('the environment has paths, plain values, empty ones, and those of Secrets and ConfigMaps', async () => {
  const { env } = await optionsOf({
    env: [
      { name: 'A', value: '$(temporaryVolume)/a $(unknown)' },
      { name: 'B' },
      { name: 'C', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
      { name: 'D', valueFrom: { configMapKeyRef: { name: 's', key: 'k' } } },
    ],
  });
  assert.equal(env, ['A=/mnt/girder_worker/temporary/a $(unknown)', 'B=', 'C=k of s', 'D=k of map s']);
});

test('a value that no variable can hold is refused, and the message does not quote it', async () => {
  const environment = anEnvironment(
    aSpec({ env: [{ name: 'KEY', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] }),
    { secretValue: async () => 'top\0secret' },
  );
  const prepared = { mounts: [], downloaded: new Map(), imageId: 'sha256:1d', imageAsksForGpus: false };
  const failure = await targetOptions(aContext({ environment }), prepared).then(
    () => 'none',
    (error: unknown) => String(error),
  );
  assert.match(failure, /spec\.env\[0\]: key k of Secret s has a NUL byte/);
  assert.not.match(failure, /top/);
});

test("limits are converted to the engine's units", async () => {
  const { memoryBytes, nanoCpus, cpuShares } = await optionsOf({
    resources: { requests: { cpu: '500m' }, limits: { cpu: '1.5', memory: '1Gi' } },
  });
  assert.equal([memoryBytes, nanoCpus, cpuShares], [2 ** 30, 1.5e9, 512]);
});

test('a limit without a request is also the request, and without limits nothing is limited', async () => {
  assert.is((await optionsOf({ resources: { limits: { cpu: 2 } } })).cpuShares, 2048);
  const { memoryBytes, nanoCpus, cpuShares } = await optionsOf({});
  assert.equal([memoryBytes, nanoCpus, cpuShares], [undefined, undefined, undefined]);
});

const memory = async (spec: Partial<DockerRunSpec>, ofPod?: number) => {
  const environment = { memoryForTarget: async () => ofPod };
  return (await optionsOf(spec, environment)).memoryBytes;
};

test('a target has the memory limit of its spec, unless the limit of its pod leaves less', async () => {
  const mebi = 2 ** 20;
  const spec = { resources: { limits: { memory: '1Gi' } } };
  assert.is(await memory({}), undefined);
  assert.is(await memory(spec), 1024 * mebi);
  assert.is(await memory(spec, 1024 * mebi - 4096), 1024 * mebi, 'the kernel rounds to pages');
  assert.is(await memory(spec, 144 * mebi), 144 * mebi);
  assert.is(await memory({}, 144 * mebi), 144 * mebi);
  assert.is(await memory({ docker: { memLimit: '64m' } }, 144 * mebi), 64 * mebi);
  assert.is(await memory({ docker: { memLimit: '1g' } }, 144 * mebi), 144 * mebi);
});

test('the limit of a pod leaves to the target what the worker does not need, or half', () => {
  const mebi = 2 ** 20;
  assert.is(shareOf(400 * mebi), 200 * mebi);
  assert.is(shareOf(1024 * mebi), 768 * mebi);
  for (const none of [NaN, Number('max'), 9_223_372_036_854_771_712, 0]) assert.is(shareOf(none), undefined);
});

test.run();
