import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nearestExisting } from '../../cluster/preflight.ts';

test('free space is measured where the state would be made, however much of the path is missing', () => {
  assert.is(nearestExisting(tmpdir()), tmpdir());
  assert.is(nearestExisting(join(tmpdir(), 'nosuch', 'at', 'all')), tmpdir());
  assert.is(nearestExisting('/nosuch/state'), '/');
});

test.run();
