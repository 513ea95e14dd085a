import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mountedAt, nodePathOf } from '../../../src/worker/pod/claim-paths.ts';

const device = '254:0';
const pod = 'pods/u/volumes/kubernetes.io~empty-dir/temporary-volume';

test('the mount of a path has its device and its directory there, and the last one counts', () => {
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
  ['on the file system of the node itself', '/srv/pv', [`/k/${pod}`, `/k/${pod}`], '/srv/pv'],
  ['on one that is mounted somewhere', '/pv', [`/k/${pod}`, `/mnt/disk/k/${pod}`], '/mnt/disk/pv'],
  ['on one whose subvolume is the root', '/@/srv/pv', [`/@/k/${pod}`, `/k/${pod}`], '/srv/pv'],
  ['the root of the file system', '/', [`/k/${pod}`, `/mnt/k/${pod}`], '/mnt'],
  ['in another subvolume', '/@home/pv', [`/@/k/${pod}`, `/k/${pod}`], undefined],
  [
    'beside a directory that is mounted elsewhere',
    '/data/pv',
    [`/data/k/${pod}`, `/var/k/${pod}`],
    undefined,
  ],
];

for (const [what, root, [knownRoot, hostPath], expected] of cases) {
  test(`a claim ${what} ${expected === undefined ? 'has no path that is certain' : 'has its path there'}`, () => {
    assert.is(nodePathOf({ device, root }, { device, root: knownRoot, hostPath }), expected);
  });
}

test('a volume on another device tells nothing', () => {
  assert.is(nodePathOf({ device: '8:16', root: '/pv' }, { device, root: '/k', hostPath: '/k' }), undefined);
});

test.run();
