import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RunError } from '../../../src/support/errors.ts';
import { claimDirectory, claimPaths, isInlineVolume } from '../../../src/worker/pod/claim-paths.ts';

const volumesRoot = '/var/lib/kubelet/pods/u/volumes';
const known = [{ device: '254:0', root: '/k/temporary-volume', hostPath: '/k/temporary-volume' }];

/** Claims by where they are: on a directory of the node's own file system, or on a device of their own. */
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

test('the only directory of a claim is that of the only claim', () => {
  assert.equal(pathsOf({ models: '/' }, [csi]), { models: `${volumesRoot}/${csi}` });
});

test('the file system of the only claim says more than a directory that may be somebody else’s', () => {
  for (const directory of [local, csi])
    assert.equal(pathsOf({ models: '/srv/pv' }, [directory]), { models: '/srv/pv' });
});

test('a directory that looks different from the claim may be the place where it is mounted', () => {
  const path = `${volumesRoot}/${csi}`;
  assert.equal(pathsOf({ models: '/' }, [csi], { [csi]: 'the place' }), { models: path });
});

test('what is written in the pod is no claim, as far as the kubelet says', () => {
  assert.ok(isInlineVolume('{"driverName":"secrets.example","volumeLifecycleMode":"Ephemeral"}'));
  for (const text of ['{"volumeLifecycleMode":"Persistent"}', '{}', 'null', '', '{"volumeLifecycleMode":'])
    assert.not(isInlineVolume(text), text);
});

test('a claim that is a directory of the node has no directory of the kubelet, but its file system tells', () => {
  assert.equal(pathsOf({ models: '/srv/pv' }, []), { models: '/srv/pv' });
});

test('of several claims one may be what the others leave', () => {
  const paths = { a: '/srv/a', b: `${volumesRoot}/${csi}` };
  assert.equal(pathsOf({ a: '/srv/a', b: '/' }, [csi]), paths);
  assert.equal(pathsOf({ a: '/srv/a', b: '/' }, [local, csi]), paths);
});

test('directories of several claims are told apart by what can be seen in them', () => {
  assert.equal(pathsOf({ a: '/', b: '/' }, [csi, otherCsi], { [otherCsi]: 'i:a' }), {
    a: `${volumesRoot}/${otherCsi}`,
    b: `${volumesRoot}/${csi}`,
  });
});

for (const [what, roots, directories] of [
  ['one of two file systems', { a: '/', b: '/' }, [csi, otherCsi]],
  ['a file system that the kubelet has no directory for', { a: '/' }, []],
] as const) {
  test(`a claim on ${what} has no path that is certain, and the run says what it looked at`, () => {
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

test('the kubelet keeps the data of CSI below a directory of its own, and claims beside what is none', () => {
  assert.is(claimDirectory('kubernetes.io~csi', 'pvc-1'), csi);
  assert.is(claimDirectory('kubernetes.io~nfs', 'pv'), 'kubernetes.io~nfs/pv');
  for (const plugin of ['empty-dir', 'secret', 'configmap', 'projected', 'downward-api'])
    assert.is(claimDirectory(`kubernetes.io~${plugin}`, 'x'), undefined);
});

test.run();
