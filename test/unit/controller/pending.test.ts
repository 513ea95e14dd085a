import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { podStartProblem } from '../../../src/controller/decide/pending.ts';
import type { BlockingEvent } from '../../../src/controller/observe/observed.ts';
import { after, aBlockingEvent, aPod, aSpec } from '../../fixtures/builders.ts';

const pod = aPod({ kind: 'waiting', reason: 'ContainerCreating', message: '' });
const chunkedTransferEncodingStream = {
  url: 'http://server',
  headers: [{ name: 'Authorization', valueFrom: { secretKeyRef: { name: 'servers', key: 'k' } } }],
};
const spec = aSpec({
  env: [
    { name: 'A', value: '1' },
    { name: 'KEY', valueFrom: { secretKeyRef: { name: 'passwords', key: 'k' } } },
    { name: 'MODEL', valueFrom: { configMapKeyRef: { name: 'settings', key: 'k' } } },
  ],
  transforms: [
    { name: 'up', connect: { input: { containerStdOut: {} }, output: { chunkedTransferEncodingStream } } },
  ],
  girder: { apiUrl: 'http://g', job: { id: '0'.repeat(24), tokenSecretRef: { name: 'jobs', key: 'k' } } },
  volumes: [{ name: 'data', bindMount: { hostPath: '/srv/data', containerPath: '/d', mode: 'rw' } }],
});

const blocked = (mountFailure?: BlockingEvent, waitingSince?: number) => ({
  ...{ spec, mountFailure },
  waitingSince: waitingSince === undefined ? undefined : after(waitingSince).toISOString(),
});

const messageOf = (message: string) =>
  podStartProblem(pod, blocked(aBlockingEvent(message, 0)), after(1)).message;

test('a volume that cannot be mounted is shown by its field of the spec', () => {
  assert.match(messageOf('MountVolume.SetUp failed for volume "volume-0": not a directory'), /\bdata\b/);
  const failed = 'MountVolume.SetUp failed for volume "secret';
  assert.is(messageOf(`${failed}-0" : x`).split(' for ')[1], 'spec.env[1] (Secret passwords) : x');
  const map = failed.replace('secret', 'config-map');
  assert.match(messageOf(`${map}-0" : x`), /spec\.env\[2\] \(ConfigMap settings\) : x/);
  assert.match(messageOf(`${failed}-1" : x`), /spec\.transforms\[0\] \(Secret servers\) : x/);
  assert.match(messageOf(`${failed}-2" : x`), /spec\.girder\.job\.tokenSecretRef \(Secret jobs\) : x/);
});

test('a volume that is not in the spec keeps its name', () => {
  assert.match(messageOf('failed for volume "docker-socket": no such file'), /volume "docker-socket"/);
  assert.ok(messageOf('failed for volume "volume-7": x').includes('7'));
});

test('a permanent reason takes precedence over a volume that may still be mounted', () => {
  const stuck = aPod({ kind: 'waiting', reason: 'InvalidImageName', message: 'x' });
  const mountFailure = aBlockingEvent('m', 0);
  assert.is(podStartProblem(stuck, blocked(mountFailure), after(1)).failure?.reason, 'WorkerNotStarted');
});

const stuckFor = (reason: string, message = 'later') =>
  aPod({ kind: 'waiting', reason, message }, { scheduledAt: after(1000).toISOString() });

test('a pod that waited long for a node has all its patience there', () => {
  const graces = { CreateContainerConfigError: 120, CreateContainerError: 120, RunContainerError: 120 };
  for (const [reason, seconds] of Object.entries(graces)) {
    const at = (second: number) => podStartProblem(stuckFor(reason), blocked(), after(1000 + second));
    assert.is(at(seconds - 1).failure, undefined);
    assert.is(at(seconds - 1).message, `${reason}: later`);
    assert.is(at(seconds).failure?.reason, 'WorkerNotStarted');
  }
});

test('a path that the kubelet does not mount ends the run at once, with the field and the reason', () => {
  const hostPaths = aSpec({
    volumes: [
      { name: 'a', bindMount: { hostPath: '/srv/a', containerPath: '/a', mode: 'rw' } },
      { name: 'b', temporary: { hostDir: '/srv/b' } },
    ],
    dockerVolumes: { '/srv/c': { bind: '/c', mode: 'ro' } },
  });
  const expected = {
    'volume-0': /spec\.volumes: a\.bindMount\.hostPath: \/srv\/a .*symbolic link/,
    'volume-1': /spec\.volumes: b\.temporary\.hostDir: \/srv\/b .*symbolic link/,
    'host-dir-1': /spec\.volumes: b\.temporary\.hostDir: \/srv\/b .*symbolic link/,
    'docker-volume-0': /spec\.dockerVolumes: \/srv\/c .*symbolic link/,
    'host-path-0': /volume "host-path-0" of the pod/,
  };
  for (const [volume, text] of Object.entries(expected)) {
    for (const step of ['prepare subPath', 'create subPath directory']) {
      const message = `failed to ${step} for volumeMount "${volume}" of container "worker"`;
      const refused = aPod({ kind: 'waiting', reason: 'CreateContainerConfigError', message });
      const { failure } = podStartProblem(
        refused,
        { spec: hostPaths, mountFailure: undefined, waitingSince: undefined },
        after(0),
      );
      assert.is(failure?.reason, 'HostPathNotAllowed');
      assert.match(failure?.message ?? '', text);
    }
  }
});

test('patience counts from when the worker was first seen to wait for this', () => {
  const at = (second: number) =>
    podStartProblem(stuckFor('CreateContainerError'), blocked(undefined, 5000), after(second)).failure;
  assert.is(at(5119), undefined);
  assert.is(at(5120)?.reason, 'WorkerNotStarted');
});

const answers = {
  waits: ['503 Service Unavailable', '429 Too Many Requests', 'dial tcp: i/o timeout', 'Back-off pulling'],
  fails: ['registry/w:1: not found', '401 Unauthorized', 'pull access denied', '403 Forbidden'],
};

test('an image that its registry does not have is given up after five minutes, a registry that is away is not', () => {
  for (const reason of ['ErrImagePull', 'ImagePullBackOff']) {
    const at = (message: string, second: number) =>
      podStartProblem(stuckFor(reason, message), blocked(), after(1000 + second)).failure?.reason;
    for (const message of answers.waits) assert.is(at(message, 3500), undefined, message);
    for (const message of answers.fails) {
      assert.is(at(message, 299), undefined, message);
      assert.is(at(message, 300), 'WorkerNotStarted', message);
    }
  }
});

const mounts = {
  waits: [
    'Unable to attach or mount volumes: unmounted volumes=[volume-0]: timed out waiting for the condition',
    'MountVolume.SetUp failed for volume "girder-credentials" : failed to sync secret cache: timed out waiting for the condition',
    'Multi-Attach error for volume "pvc-1" Volume is already exclusively attached to one node',
    'MountVolume.SetUp failed for volume "nfs" : mount failed: exit status 32 mount.nfs: Connection refused',
    'MountVolume.SetUp failed for volume "docker-socket" : hostPath type check failed: /run/docker.sock is not a socket file',
  ],
  fails: [
    'MountVolume.SetUp failed for volume "girder-credentials" : secret "girder" not found',
    'MountVolume.SetUp failed for volume "secret-0" : references non-existent secret key: k',
    'MountVolume.SetUp failed for volume "volume-0" : hostPath type check failed: /srv/data is not a directory',
  ],
};

test('only a mount of something that does not exist fails, after a minute; any other waits', () => {
  const lasting = (message: string, seconds: number) =>
    podStartProblem(pod, blocked(aBlockingEvent(message, 10, 10 + seconds)), after(3000)).failure?.reason;
  for (const message of mounts.waits) assert.is(lasting(message, 2500), undefined, message);
  for (const message of mounts.fails) {
    assert.is(lasting(message, 59), undefined, message);
    assert.is(lasting(message, 60), 'VolumeMountFailed', message);
  }
});

test('a missing socket is shown as an engine that does not answer', () => {
  assert.match(messageOf(mounts.waits[4] ?? ''), /^The Docker Engine of node node-1 does not answer: /);
});

test('a mount failure is over once the pod has a sandbox, although its Events stay', () => {
  const mounted = aPod({ kind: 'waiting', reason: 'ContainerCreating', message: '' }, { hasSandbox: true });
  const lasted = aBlockingEvent(mounts.fails[0] ?? '', 10, 100);
  assert.is(podStartProblem(mounted, blocked(lasted), after(200)).failure, undefined);
});

test.run();
