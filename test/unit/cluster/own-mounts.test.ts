import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseMounts } from '../../cluster/teardown/own-mounts.ts';

const mountinfo = [
  '21 1 8:1 / / rw - ext4 /dev/vda rw',
  '30 21 0:5 / /var/lib/state/kubelet/pods/a rw - tmpfs tmpfs rw',
  '31 30 0:6 / /var/lib/state/with\\040space rw - tmpfs tmpfs rw',
  '32 21 0:7 / /var/lib/state-of-others rw - tmpfs tmpfs rw',
  '33 21 0:8 / /var/lib/state rw - ext4 /dev/vdb rw',
].join('\n');

test('only mounts below the given directories are returned, with octal escapes decoded', () => {
  const below = ['/var/lib/state/kubelet/pods/a', '/var/lib/state/with space'];
  assert.equal(parseMounts(mountinfo, ['/var/lib/state']), below);
});

test('a given directory that is itself a mount point is not unmounted', () => {
  assert.not.ok(parseMounts(mountinfo, ['/var/lib/state']).includes('/var/lib/state'));
});

test.run();
