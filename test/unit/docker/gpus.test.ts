import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ContainerOptions, containerSpec } from '../../../src/docker/create/container-spec.ts';
import { isGpuUnavailable, gpuVariants } from '../../../src/docker/create/create-container.ts';
import { podGpus } from '../../../src/docker/create/gpu-request.ts';
import { RunError } from '../../../src/support/errors.ts';

const options: ContainerOptions = { name: 'n', labels: {}, image: 'i', env: [], mounts: [] };
const requestsOf = (more: Partial<ContainerOptions>) =>
  containerSpec({ ...options, ...more }, { hasInit: true }).HostConfig['DeviceRequests'];
const visible = (NVIDIA_VISIBLE_DEVICES: string, names?: string[]) =>
  podGpus({ NVIDIA_VISIBLE_DEVICES }, names);

test('without GPUs in the pod the target gets none', () => {
  assert.is(podGpus({}), undefined);
  for (const text of ['', ' ', 'void', 'none']) assert.is(visible(text), undefined, text);
});

test('the GPUs of a pod are those that the device plugin names', () => {
  assert.equal(visible('GPU-1'), { deviceIds: ['GPU-1'] });
  assert.equal(visible('0, 2,0'), { deviceIds: ['0', '2'] });
  assert.equal(visible('nvidia.com/gpu=GPU-1,nvidia.com/gpu=GPU-2'), { deviceIds: ['GPU-1', 'GPU-2'] });
  assert.equal(visible('all'), { count: -1 });
});

test('the GPUs of a pod can be the names of mounted entries', () => {
  const directory = '/var/run/nvidia-container-devices';
  assert.equal(visible(directory, ['MIG-1', 'MIG-2']), { deviceIds: ['MIG-1', 'MIG-2'] });
  assert.is(visible(directory, []), undefined);
  assert.is(visible('void', ['GPU-1']), undefined);
});

test('GPUs are a device request, as docker run --gpus makes it', () => {
  assert.equal(requestsOf({ gpus: { deviceIds: ['GPU-1'] } }), [
    { Driver: '', DeviceIDs: ['GPU-1'], Capabilities: [['gpu']] },
  ]);
  assert.equal(requestsOf({ gpus: { count: 2 } }), [{ Driver: '', Count: 2, Capabilities: [['gpu']] }]);
  assert.is(requestsOf({}), undefined);
});

test('device requests of the user replace those of the pod', () => {
  const docker = { deviceRequests: [{ driver: 'x', count: 1 }] };
  assert.equal(requestsOf({ docker, gpus: { count: 2 } }), [
    { Driver: 'x', Count: 1, DeviceIDs: [], Capabilities: [], Options: {} },
  ]);
});

/** The GPUs and the runtime of each variant. */
const variants = (more: Partial<ContainerOptions>) =>
  gpuVariants({ ...options, ...more }).map(({ options: { docker, gpus } }) => ({
    ...(gpus === undefined ? {} : { gpus }),
    ...(docker?.runtime === undefined ? {} : { runtime: docker.runtime }),
  }));

test('a run never starts without the GPUs that it requests', () => {
  assert.equal(variants({ gpus: { count: 1 } }), [{ gpus: { count: 1 } }]);
  assert.equal(variants({}), [{}]);
  assert.equal(variants({ docker: { deviceRequests: [] }, gpus: { count: 1, optional: true } }).length, 1);
});

test('a run can start without the GPUs that only its image asks for', () => {
  const gpus = { count: -1, optional: true };
  assert.equal(variants({ gpus }), [{ gpus }, {}]);
});

test('the runtime nvidia is tried as a device request first', () => {
  const all = { gpus: { count: -1 } };
  assert.equal(variants({ docker: { runtime: 'nvidia' } }), [all, { runtime: 'nvidia' }]);
  assert.equal(variants({ docker: { runtime: 'runc' } }), [{ runtime: 'runc' }]);
});

test('only an engine without a GPU is a reason to try the next variant', () => {
  const refusals = [
    'could not select device driver "" with capabilities: [[gpu]]',
    'Unknown runtime specified nvidia',
    'unknown or invalid runtime name: nvidia',
    'nvidia-container-cli: initialization error: driver not loaded',
  ];
  for (const text of refusals) {
    assert.ok(
      isGpuUnavailable(new RunError('ContainerStartFailed', `The container could not start: ${text}`)),
      text,
    );
  }
  assert.not(isGpuUnavailable(new RunError('ContainerStartFailed', 'exec: "nope": not found')));
  assert.not(isGpuUnavailable(new RunError('Cancelled', 'nvidia-container')));
  assert.not(isGpuUnavailable(new Error('could not select device driver')));
});

test.run();
