import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { waitingFor } from '../../../src/controller/waiting.ts';
import { after, aPod, aSpec } from '../../fixtures/builders.ts';

const pod = aPod({ kind: 'waiting', reason: 'ContainerCreating', message: '' });
const spec = aSpec({
  env: [
    { name: 'A', value: '1' },
    { name: 'KEY', valueFrom: { secretKeyRef: { name: 'passwords', key: 'k' } } },
  ],
  volumes: [{ name: 'data', bindMount: { hostPath: '/srv/data', containerPath: '/d', mode: 'rw' } }],
});

const messageOf = (message: string) =>
  waitingFor(pod, { spec, mountFailure: { message, since: after(0).toISOString() } }, after(1)).message;

test('a volume of the pod that cannot be mounted is named as the spec names it', () => {
  assert.match(messageOf('MountVolume.SetUp failed for volume "volume-0": not a directory'), /\bdata\b/);
  assert.match(messageOf('MountVolume.SetUp failed for volume "env-1": not found'), /\bpasswords\b/);
});

test('a volume that the spec does not have keeps its name', () => {
  assert.match(messageOf('failed for volume "docker-socket": no such file'), /volume "docker-socket"/);
  assert.ok(messageOf('failed for volume "volume-7": x').includes('7'));
});

test('a permanent reason counts before a volume that may still be mounted', () => {
  const stuck = aPod({ kind: 'waiting', reason: 'InvalidImageName', message: 'x' });
  const mountFailure = { message: 'm', since: after(0).toISOString() };
  assert.is(waitingFor(stuck, { spec, mountFailure }, after(1)).failure?.reason, 'WorkerImageUnavailable');
});

test('an image that is being pulled again is no failure', () => {
  for (const reason of ['ImagePullBackOff', 'ErrImagePull', 'PodInitializing']) {
    const waiting = aPod({ kind: 'waiting', reason, message: 'later' });
    const { failure, message } = waitingFor(waiting, { spec, mountFailure: undefined }, after(9999));
    assert.is(failure, undefined);
    assert.is(message, `${reason}: later`);
  }
});

test.run();
