import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkNode } from '../../../src/cli/node-version.ts';
import manifest from '../../../package.json' with { type: 'json' };

test('Node.js of the versions that the package asks for is taken', () => {
  assert.is(manifest.engines.node, '>=22.19');
  for (const version of ['22.19.0', '22.20.1', '24.0.0', '100.1.2']) checkNode(version);
});

test('an older one is named, with the one that is needed', () => {
  for (const version of ['18.20.0', '20.20.2', '22.18.9'])
    assert.throws(
      () => checkNode(version),
      `Node.js 22.19 or newer is needed, and the node in PATH is ${version}`,
    );
});

test.run();
