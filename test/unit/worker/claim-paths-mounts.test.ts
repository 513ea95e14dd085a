import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mountedAt, nodePathOf } from '../../../src/worker/pod/claim-paths.ts';

const device = '254:0';
const pod = 'pods/u/volumes/kubernetes.io~empty-dir/temporary-volume';

test('a mount has its device and its directory on it, and the last mount of a path wins', () => {
  const mountinfo = [
    '203 178 254:0 /srv/pv /dockerrun/volumes/models rw,relatime - ext4 /dev/vda rw',
    '204 178 0:60 / /dockerrun/volumes/models/sub ro,relatime shared:1 - tmpfs tmpfs rw',
    '205 178 8:16 /a\\040b /dockerrun/volumes/models rw,relatime master:2 - xfs /dev/sdb rw',
    '',
  ].join('\n');
  assert.equal(mountedAt(mountinfo, '/dockerrun/volumes/models'), { device: '8:16', root: '/a b' });
  assert.is(mountedAt(mountinfo, '/dockerrun/volumes'), undefined);
});

const cases: [
  what: string,
  root: string,
  known: [root: string, hostPath: string],
  expected: string | undefined,
][] = [
  ['on the root file system of the node', '/srv/pv', [`/k/${pod}`, `/k/${pod}`], '/srv/pv'],
  ['on a file system that is mounted elsewhere', '/pv', [`/k/${pod}`, `/mnt/disk/k/${pod}`], '/mnt/disk/pv'],
  ['on a file system with a subvolume as the root', '/@/srv/pv', [`/@/k/${pod}`, `/k/${pod}`], '/srv/pv'],
  ['at the root of its file system', '/', [`/k/${pod}`, `/mnt/k/${pod}`], '/mnt'],
  ['in another subvolume', '/@home/pv', [`/@/k/${pod}`, `/k/${pod}`], undefined],
  [
    'next to a directory that is mounted elsewhere',
    '/data/pv',
    [`/data/k/${pod}`, `/var/k/${pod}`],
    undefined,
  ],
];

for (const [what, root, [knownRoot, hostPath], expected] of cases) {
  test(`the path of a claim ${what} is ${expected === undefined ? 'not certain' : 'found'}`, () => {
    assert.is(nodePathOf({ device, root }, { device, root: knownRoot, hostPath }), expected);
  });
}

test('a volume on another device is ignored', () => {
  assert.is(nodePathOf({ device: '8:16', root: '/pv' }, { device, root: '/k', hostPath: '/k' }), undefined);
});

test.run();
