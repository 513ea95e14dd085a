import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readAgentConfig } from '../../../src/node-agent/agent-config.ts';

test('every setting of the node agent has a default, and an empty one counts as not set', () => {
  const defaults = readAgentConfig({});
  assert.is(defaults.dockerSocket, '/var/run/docker.sock');
  assert.is(defaults.dockerRoot, '/var/lib/docker');
  assert.equal(defaults.collector, {
    diskPercent: { high: 85, low: 80 },
    imageUnusedMs: 3_600_000,
    keepContainersMs: 7 * 86_400_000,
  });
  assert.equal(readAgentConfig({ DOCKERRUN_IMAGE_GC_HIGH_PERCENT: '' }), defaults);
});

test('the error about an invalid setting names it', () => {
  const invalid = {
    DOCKERRUN_IMAGE_GC_HIGH_PERCENT: ['0', '101', 'much'],
    DOCKERRUN_IMAGE_GC_LOW_PERCENT: ['-1', '86'],
    DOCKERRUN_IMAGE_GC_UNUSED_SECONDS: ['0', 'NaN'],
    DOCKERRUN_KEEP_CONTAINERS_SECONDS: ['1'],
    DOCKERRUN_HEALTH_PORT: ['0', '65536'],
  };
  for (const [name, values] of Object.entries(invalid))
    for (const value of values)
      assert.throws(() => readAgentConfig({ [name]: value }), new RegExp(name), value);
});

test.run();
