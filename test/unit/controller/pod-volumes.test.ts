import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { volumeMountsOf, volumesOf } from '../../../src/controller/job/host-mounts.ts';
import { podMounts } from '../../../src/controller/job/pod-volumes.ts';
import { specOf, workerConfig } from '../../fixtures/builders.ts';

/** The pod's volumes and mounts of a spec with these fields, by name. */
function podOf(given: object) {
  const mounts = podMounts(specOf({ image: 'a', ...given }), workerConfig, { planned: [], mounts: [] });
  return {
    volume: (name: string) => volumesOf(mounts).find((volume) => volume.name === name),
    mountsOf: (name: string) => volumeMountsOf(mounts).filter((mount) => mount.name === name),
    names: volumesOf(mounts).map(({ name }) => name),
  };
}

const id = '0'.repeat(24);
const claim = (name: string, readOnly = false) => ({
  name,
  persistentVolumeClaim: { claimName: 'models', containerPath: `/${name}`, readOnly },
});

test('a temporary volume is an emptyDir with its size limit', () => {
  const { volume } = podOf({ volumes: [{ name: 'fast', temporary: { sizeLimit: '1Gi' } }] });
  assert.equal(volume('volume-0'), { name: 'volume-0', emptyDir: { sizeLimit: '1Gi' } });
});

test("a claim is mounted, and with it, read-only, the kubelet's directory of this pod's volumes", () => {
  const { volume, mountsOf } = podOf({ volumes: [claim('models', true)] });
  const persistentVolumeClaim = { claimName: 'models', readOnly: true };
  assert.equal(volume('volume-0'), { name: 'volume-0', persistentVolumeClaim });
  assert.is(volume('pod-volumes')?.hostPath?.path, '/var/lib/kubelet/pods');
  assert.equal(mountsOf('pod-volumes'), [
    {
      ...{ name: 'pod-volumes', mountPath: '/dockerrun/pod-volumes', readOnly: true },
      subPathExpr: '$(DOCKERRUN_POD_UID)/volumes',
    },
  ]);
});

test('without claims, no directory of the kubelet is mounted', () => {
  assert.equal(podOf({}).names, ['docker-socket', 'temporary-volume']);
});

test('a claim with two names is one volume of the pod, writable if one of them is', () => {
  const { names, volume, mountsOf } = podOf({ volumes: [claim('a', true), claim('b')] });
  assert.equal(
    names.filter((name) => name.startsWith('volume-')),
    ['volume-0'],
  );
  assert.is(volume('volume-0')?.persistentVolumeClaim?.readOnly, false);
  assert.equal(mountsOf('volume-0'), [
    { name: 'volume-0', mountPath: '/dockerrun/volumes/a', readOnly: true },
    { name: 'volume-0', mountPath: '/dockerrun/volumes/b' },
  ]);
});

test('a named volume of Docker is not a volume of the pod', () => {
  const namedVolume = { volumeName: 'pip', containerPath: '/cache' };
  assert.equal(podOf({ volumes: [{ name: 'cache', namedVolume }] }).names, podOf({}).names);
});

test('a stream to an item in Girder has a spool', () => {
  const output = { girderStreamToItem: { itemId: id, filename: 'f' } };
  const { mountsOf } = podOf({
    transforms: [{ name: 'x', connect: { input: { containerStdOut: {} }, output } }],
  });
  assert.equal(mountsOf('spool'), [{ name: 'spool', mountPath: '/dockerrun/spool' }]);
});

test('the logs of inputs have a spool, unless none is kept', () => {
  const input = { id, name: 'a', recipe: '0'.repeat(64), result: { folderId: id, name: 'a' } };
  const forEach = {
    set: { name: 's', namespace: 'n' },
    each: 'Item',
    isCautious: false,
    items: [input],
  } as const;
  const spoolOf = (log: 'OnFailure' | 'Never') =>
    podOf({ forEach: { ...forEach, items: [input], log } }).mountsOf('spool').length;
  assert.equal([spoolOf('OnFailure'), spoolOf('Never')], [1, 0]);
});

test('Secrets for registries are mounted completely, and are optional', () => {
  const { volume, mountsOf } = podOf({ imagePullSecrets: [{ name: 'a' }, { name: 'b' }] });
  const secret = { secretName: 'b', defaultMode: 0o400, optional: true };
  assert.equal(volume('pull-secret-1'), { name: 'pull-secret-1', secret });
  assert.is(mountsOf('pull-secret-1')[0]?.mountPath, '/dockerrun/secrets/pull/1');
});

test('a Secret or ConfigMap that is a volume is mounted read-only, and not by a cleanup', () => {
  const items = [{ key: 'k', path: 'a/k' }];
  const { volume, mountsOf } = podOf({
    volumes: [
      { name: 'license', secret: { secretName: 's', containerPath: '/license' } },
      { name: 'model', configMap: { name: 'c', containerPath: '/model', items } },
    ],
  });
  assert.equal(volume('volume-0')?.secret, { secretName: 's', defaultMode: 0o444 });
  assert.equal(volume('volume-1')?.configMap, { name: 'c', defaultMode: 0o444, items });
  assert.equal(mountsOf('volume-0'), [
    { name: 'volume-0', mountPath: '/dockerrun/volumes/license', readOnly: true },
  ]);
});

test('all keys of a ConfigMap are in one volume', () => {
  const reference = (key: string) => ({ configMapKeyRef: { name: 's', key } });
  const { volume, mountsOf } = podOf({
    env: [
      { name: 'A', valueFrom: reference('a') },
      { name: 'B', valueFrom: reference('b') },
      { name: 'C', valueFrom: reference('a') },
    ],
  });
  const items = ['a', 'b'].map((key, index) => ({ key, path: `key-${index}` }));
  assert.equal(volume('config-map-0')?.configMap, { name: 's', items, defaultMode: 0o400 });
  assert.is(mountsOf('config-map-0')[0]?.mountPath, '/dockerrun/config-maps/0');
});

test('all keys of a Secret are in one volume, whatever refers to them', () => {
  const reference = (key: string) => ({ secretKeyRef: { name: 's', key } });
  const headers = [{ name: 'H', valueFrom: reference('b') }];
  const output = { chunkedTransferEncodingStream: { url: 'http://a', headers } };
  const { names, volume } = podOf({
    env: [{ name: 'A', valueFrom: reference('a') }],
    transforms: [{ name: 'x', connect: { input: { containerStdOut: {} }, output } }],
    girder: { apiUrl: 'http://g', job: { id, tokenSecretRef: { name: 's', key: 'c' } } },
  });
  assert.equal(
    volume('secret-0')?.secret?.items,
    ['a', 'b', 'c'].map((key, index) => ({ key, path: `key-${index}` })),
  );
  assert.not.ok(names.includes('config-map-0'));
  assert.not.ok(names.includes('secret-1') || names.includes('girder-credentials'));
});

test.run();
