import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { podStartProblem } from '../../../src/controller/decide/pending.ts';
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
  ],
  transforms: [
    { name: 'up', connect: { input: { containerStdOut: {} }, output: { chunkedTransferEncodingStream } } },
  ],
  girder: { apiUrl: 'http://g', job: { id: '0'.repeat(24), tokenSecretRef: { name: 'jobs', key: 'k' } } },
  volumes: [{ name: 'data', bindMount: { hostPath: '/srv/data', containerPath: '/d', mode: 'rw' } }],
});

const messageOf = (message: string) =>
  podStartProblem(pod, { spec, mountFailure: aBlockingEvent(message, 0) }, after(1)).message;

test('a volume that cannot be mounted is shown by its field of the spec', () => {
  assert.match(messageOf('MountVolume.SetUp failed for volume "volume-0": not a directory'), /\bdata\b/);
  const failed = 'MountVolume.SetUp failed for volume "secret';
  assert.is(messageOf(`${failed}-0" : x`).split(' for ')[1], 'spec.env[1] (Secret passwords) : x');
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
  assert.is(podStartProblem(stuck, { spec, mountFailure }, after(1)).failure?.reason, 'WorkerNotStarted');
});

test('a reason that may resolve by itself fails the run only when it lasts', () => {
  const graces = {
    CreateContainerConfigError: 120,
    CreateContainerError: 120,
    ErrImagePull: 300,
    ImagePullBackOff: 300,
  };
  for (const [reason, seconds] of Object.entries(graces)) {
    const waiting = aPod(
      { kind: 'waiting', reason, message: 'later' },
      { creationTimestamp: after(0).toISOString() },
    );
    const at = (second: number) => podStartProblem(waiting, { spec, mountFailure: undefined }, after(second));
    assert.is(at(seconds - 1).failure, undefined);
    assert.is(at(seconds - 1).message, `${reason}: later`);
    assert.is(at(seconds).failure?.reason, 'WorkerNotStarted');
  }
});

test.run();
