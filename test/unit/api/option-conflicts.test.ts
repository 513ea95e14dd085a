import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { conflictsWithResources, validateDocker } from '../../../src/api/docker/option-conflicts.ts';

test('a limit is set in resources or in docker, not in both', () => {
  const limits = { limits: { memory: '1Gi', cpu: 1 } };
  assert.equal(conflictsWithResources({ memLimit: '1g' }, limits), [
    'spec.docker.memLimit: conflicts with spec.resources.limits.memory; remove one of them',
  ]);
  for (const option of ['nanoCpus', 'cpuPeriod', 'cpuQuota', 'cpuShares']) {
    const [problem = ''] = conflictsWithResources({ [option]: 1 }, limits);
    assert.match(
      problem,
      new RegExp(`^spec\\.docker\\.${option}: conflicts with spec\\.resources\\.limits\\.cpu;`),
    );
  }
  assert.is(conflictsWithResources({ cpuShares: 2 }, { requests: { cpu: 1 } }).length, 1);
});

test('limits of different resources do not conflict', () => {
  assert.equal(conflictsWithResources({ memLimit: '1g', cpuShares: 2 }, undefined), []);
  assert.equal(
    conflictsWithResources({ memLimit: '1g' }, { limits: { cpu: 1 }, requests: { memory: 1 } }),
    [],
  );
  assert.equal(conflictsWithResources({ memswapLimit: -1 }, { limits: { memory: '1Gi' } }), []);
  assert.equal(conflictsWithResources(undefined, { limits: { memory: '1Gi' } }), []);
});

test('the labels of DockerRun cannot be set', () => {
  const labels = { 'dockerrun.dev/run-uid': 'x', 'example.org/team': 'y' };
  assert.equal(validateDocker({ labels }, undefined), [
    'spec.docker.labels: dockerrun.dev/run-uid is reserved for DockerRun',
  ]);
});

test('network and networkMode cannot both be set', () => {
  assert.is(validateDocker({ network: 'a', networkMode: 'none' }, undefined).length, 1);
  assert.equal(validateDocker({ network: 'a' }, undefined), []);
  assert.equal(validateDocker(undefined, undefined), []);
});

test('a soft limit must not exceed its hard limit, where -1 means no limit', () => {
  const problems = (soft: number, hard?: number) =>
    validateDocker(
      {
        ulimits: [
          { name: 'core', soft: 0 },
          { name: 'nofile', soft, ...(hard === undefined ? {} : { hard }) },
        ],
      },
      undefined,
    );
  assert.equal(problems(20, 10), [
    'spec.docker.ulimits[1]: the soft limit 20 of nofile exceeds its hard limit 10',
  ]);
  assert.match(problems(-1, 10)[0] ?? '', 'soft limit -1');
  for (const [soft, hard] of [[10, 10], [10, 20], [10, -1], [-1, -1], [10]] as [number, number?][]) {
    assert.equal(problems(soft, hard), [], `${soft}:${hard}`);
  }
});

test.run();
