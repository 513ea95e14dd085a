import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ContainerOptions, containerSpec } from '../../../src/docker/create/container-spec.ts';
import { canDoWithout, gpuAttempts } from '../../../src/docker/create/create-container.ts';
import { podGpus } from '../../../src/docker/create/gpu-request.ts';
import { RunError } from '../../../src/support/errors.ts';

const options: ContainerOptions = { name: 'n', labels: {}, image: 'i', env: [], mounts: [] };
const requestsOf = (more: Partial<ContainerOptions>) =>
  containerSpec({ ...options, ...more }, { hasInit: true }).HostConfig['DeviceRequests'];
const visible = (NVIDIA_VISIBLE_DEVICES: string, names?: string[]) =>
  podGpus({ NVIDIA_VISIBLE_DEVICES }, names);

test('a pod without GPUs gives its target none', () => {
  assert.is(podGpus({}), undefined);
  for (const text of ['', ' ', 'void', 'none']) assert.is(visible(text), undefined, text);
});

test('the GPUs of a pod are those that the device plugin names', () => {
  assert.equal(visible('GPU-1'), { deviceIds: ['GPU-1'] });
  assert.equal(visible('0, 2,0'), { deviceIds: ['0', '2'] });
  assert.equal(visible('nvidia.com/gpu=GPU-1,nvidia.com/gpu=GPU-2'), { deviceIds: ['GPU-1', 'GPU-2'] });
  assert.equal(visible('all'), { count: -1 });
});

test('the GPUs of a pod can be the names of what is mounted', () => {
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

test('device requests of the user count in place of those of the pod', () => {
  const docker = { deviceRequests: [{ driver: 'x', count: 1 }] };
  assert.equal(requestsOf({ docker, gpus: { count: 2 } }), [
    { Driver: 'x', Count: 1, DeviceIDs: [], Capabilities: [], Options: {} },
  ]);
});

/** The GPUs and the runtime of each attempt. */
const attempts = (more: Partial<ContainerOptions>) =>
  gpuAttempts({ ...options, ...more }).map(({ options: { docker, gpus } }) => ({
    ...(gpus === undefined ? {} : { gpus }),
    ...(docker?.runtime === undefined ? {} : { runtime: docker.runtime }),
  }));

test('GPUs that were asked for are never done without', () => {
  assert.equal(attempts({ gpus: { count: 1 } }), [{ gpus: { count: 1 } }]);
  assert.equal(attempts({}), [{}]);
  assert.equal(attempts({ docker: { deviceRequests: [] }, gpus: { count: 1, optional: true } }).length, 1);
});

test('GPUs that only the image wants can be done without', () => {
  const gpus = { count: -1, optional: true };
  assert.equal(attempts({ gpus }), [{ gpus }, {}]);
});

test('the runtime nvidia is a device request first', () => {
  const all = { gpus: { count: -1 } };
  assert.equal(attempts({ docker: { runtime: 'nvidia' } }), [all, { runtime: 'nvidia' }]);
  assert.equal(attempts({ docker: { runtime: 'runc' } }), [{ runtime: 'runc' }]);
});

test('only an engine that has no GPU to give is a reason for the next attempt', () => {
  const refusals = [
    'could not select device driver "" with capabilities: [[gpu]]',
    'Unknown runtime specified nvidia',
    'unknown or invalid runtime name: nvidia',
    'nvidia-container-cli: initialization error: driver not loaded',
  ];
  for (const text of refusals) {
    assert.ok(
      canDoWithout(new RunError('ContainerStartFailed', `The container could not start: ${text}`)),
      text,
    );
  }
  assert.not(canDoWithout(new RunError('ContainerStartFailed', 'exec: "nope": not found')));
  assert.not(canDoWithout(new RunError('Cancelled', 'nvidia-container')));
  assert.not(canDoWithout(new Error('could not select device driver')));
});

test.run();
