import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isInOwnCgroup } from '../../cluster/teardown/own-processes.ts';

test('cgroups of pods and of this engine’s containers are recognised in cgroups v1 and v2', () => {
  assert.ok(isInOwnCgroup('4:memory:/kubepods/besteffort/podx/y\n1:cpu:/kubepods/besteffort/podx/y\n'));
  assert.ok(isInOwnCgroup('0::/dockerrun-docker/abc\n'));
});

test('cgroups of another engine’s containers and of plain processes are not', () => {
  assert.not.ok(isInOwnCgroup('4:memory:/docker/abc\n0::/system.slice/kubepods.service\n'));
  assert.not.ok(isInOwnCgroup('0::/\n'));
});

test.run();
