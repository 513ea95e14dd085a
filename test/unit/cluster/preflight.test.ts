import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nearestExisting } from '../../cluster/preflight.ts';

test('free space is measured at the nearest existing parent of the state directory', () => {
  assert.is(nearestExisting(tmpdir()), tmpdir());
  assert.is(nearestExisting(join(tmpdir(), 'nosuch', 'at', 'all')), tmpdir());
  assert.is(nearestExisting('/nosuch/state'), '/');
});

test.run();
