import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RunError } from '../../../src/support/errors.ts';
import { claimDirectory, claimPaths, isInlineVolume } from '../../../src/worker/pod/claim-paths.ts';

const volumesRoot = '/var/lib/kubelet/pods/u/volumes';
const known = [{ device: '254:0', root: '/k/temporary-volume', hostPath: '/k/temporary-volume' }];

/** @param roots the root of each claim's mount: `/` is a device of its own, others are on the node's file system */
function pathsOf(roots: Record<string, string>, directories: string[], inodes: Record<string, string> = {}) {
  const claims = Object.keys(roots).map((claimName) => ({
    ...{ claimName, mountPath: `/v/${claimName}`, inode: `i:${claimName}` },
  }));
  const mountinfo = claims
    .map(({ claimName, mountPath }, index) => {
      const root = roots[claimName] ?? '';
      return `1 1 ${root === '/' ? `8:${index}` : '254:0'} ${root} ${mountPath} rw - ext4 x rw`;
    })
    .join('\n');
  const found = claimPaths(claims, {
    ...{ mountinfo, known, volumesRoot },
    directories: directories.map((path) => ({ path, inode: inodes[path] })),
  });
  return Object.fromEntries(found);
}

const csi = 'kubernetes.io~csi/pvc-1/mount';
const otherCsi = 'kubernetes.io~csi/pvc-2/mount';
const local = 'kubernetes.io~local-volume/pv';

test('the only directory of a claim belongs to the only claim', () => {
  assert.equal(pathsOf({ models: '/' }, [csi]), { models: `${volumesRoot}/${csi}` });
});

test('the file system of a claim takes precedence over a directory that may be of another volume', () => {
  for (const directory of [local, csi])
    assert.equal(pathsOf({ models: '/srv/pv' }, [directory]), { models: '/srv/pv' });
});

test('a directory with another inode may still be the mount point of the claim', () => {
  const path = `${volumesRoot}/${csi}`;
  assert.equal(pathsOf({ models: '/' }, [csi], { [csi]: 'mount point' }), { models: path });
});

test('a volume that the kubelet marks as inline is not a claim', () => {
  assert.ok(isInlineVolume('{"driverName":"secrets.example","volumeLifecycleMode":"Ephemeral"}'));
  for (const text of ['{"volumeLifecycleMode":"Persistent"}', '{}', 'null', '', '{"volumeLifecycleMode":'])
    assert.not(isInlineVolume(text), text);
});

test('a claim without a directory of the kubelet is found by its file system', () => {
  assert.equal(pathsOf({ models: '/srv/pv' }, []), { models: '/srv/pv' });
});

test('one of several claims may have the only directory that is left', () => {
  const paths = { a: '/srv/a', b: `${volumesRoot}/${csi}` };
  assert.equal(pathsOf({ a: '/srv/a', b: '/' }, [csi]), paths);
  assert.equal(pathsOf({ a: '/srv/a', b: '/' }, [local, csi]), paths);
});

test('directories of several claims are distinguished by their inodes', () => {
  assert.equal(pathsOf({ a: '/', b: '/' }, [csi, otherCsi], { [otherCsi]: 'i:a' }), {
    a: `${volumesRoot}/${otherCsi}`,
    b: `${volumesRoot}/${csi}`,
  });
});

for (const [what, roots, directories] of [
  ['one of two unknown file systems', { a: '/', b: '/' }, [csi, otherCsi]],
  ['a file system without a directory of the kubelet', { a: '/' }, []],
] as const) {
  test(`the path of a claim on ${what} is not certain, and the message lists what was found`, () => {
    try {
      pathsOf(roots, [...directories]);
      assert.unreachable();
    } catch (error) {
      assert.ok(error instanceof RunError);
      assert.is(error.reason, 'HostPathNotVisible');
      assert.match(error.message, /the claim a/);
      for (const directory of directories) assert.ok(error.message.includes(directory));
    }
  });
}

test('a CSI claim is in the subdirectory mount, and volumes of other kinds are not claims', () => {
  assert.is(claimDirectory('kubernetes.io~csi', 'pvc-1'), csi);
  assert.is(claimDirectory('kubernetes.io~nfs', 'pv'), 'kubernetes.io~nfs/pv');
  for (const plugin of ['empty-dir', 'secret', 'configmap', 'projected', 'downward-api'])
    assert.is(claimDirectory(`kubernetes.io~${plugin}`, 'x'), undefined);
});

test.run();
