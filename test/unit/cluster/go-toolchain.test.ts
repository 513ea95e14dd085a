import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isAtLeast } from '../../cluster/install/go-toolchain.ts';

test('versions are compared number by number', () => {
  assert.ok(isAtLeast('1.26.8', '1.26.0'));
  assert.ok(isAtLeast('1.26', '1.26.0'));
  assert.ok(isAtLeast('2.0', '1.99.1'));
  assert.not.ok(isAtLeast('1.9.9', '1.24.0'));
  assert.not.ok(isAtLeast('1.25.4', '1.26.0'));
});

test.run();
