import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { conflictsWithResources, validateDocker } from '../../../src/api/docker/option-conflicts.ts';

test('a limit stands in resources or in docker, not in both', () => {
  const limits = { limits: { memory: '1Gi', cpu: 1 } };
  assert.equal(conflictsWithResources({ memLimit: '1g' }, limits), [
    'spec.docker.memLimit: spec.resources.limits.memory decides that; remove one',
  ]);
  for (const option of ['nanoCpus', 'cpuPeriod', 'cpuQuota', 'cpuShares']) {
    const [problem = ''] = conflictsWithResources({ [option]: 1 }, limits);
    assert.match(problem, new RegExp(`^spec\\.docker\\.${option}: spec\\.resources\\.limits\\.cpu `));
  }
  assert.is(conflictsWithResources({ cpuShares: 2 }, { requests: { cpu: 1 } }).length, 1);
});

test('limits of different things go together', () => {
  assert.equal(conflictsWithResources({ memLimit: '1g', cpuShares: 2 }, undefined), []);
  assert.equal(
    conflictsWithResources({ memLimit: '1g' }, { limits: { cpu: 1 }, requests: { memory: 1 } }),
    [],
  );
  assert.equal(conflictsWithResources({ memswapLimit: -1 }, { limits: { memory: '1Gi' } }), []);
  assert.equal(conflictsWithResources(undefined, { limits: { memory: '1Gi' } }), []);
});

test('the labels by which runs are told apart cannot be given', () => {
  const labels = { 'dockerrun.dev/run-uid': 'x', 'example.org/team': 'y' };
  assert.equal(validateDocker({ labels }, undefined), [
    'spec.docker.labels: dockerrun.dev/run-uid is a label that DockerRun itself sets',
  ]);
});

test('one network is given in one way', () => {
  assert.is(validateDocker({ network: 'a', networkMode: 'none' }, undefined).length, 1);
  assert.equal(validateDocker({ network: 'a' }, undefined), []);
  assert.equal(validateDocker(undefined, undefined), []);
});

test('a soft limit is not above its hard limit, where -1 is no limit', () => {
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
    'spec.docker.ulimits[1]: nofile has the soft limit 20, above its hard limit 10',
  ]);
  assert.match(problems(-1, 10)[0] ?? '', 'soft limit -1');
  for (const [soft, hard] of [[10, 10], [10, 20], [10, -1], [-1, -1], [10]] as [number, number?][]) {
    assert.equal(problems(soft, hard), [], `${soft}:${hard}`);
  }
});

test.run();
