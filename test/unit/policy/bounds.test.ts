import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { timeToLiveSeconds } from '../../../src/policy/bounds.ts';
import { refusedByPolicy, withPolicyDefaults } from '../../../src/policy/policy.ts';
import { startDeadlineExceeded } from '../../../src/controller/decide/start-deadline.ts';
import { after, anObservation, aRun, aSpec } from '../../fixtures/builders.ts';
import { policyOf } from '../../fixtures/policies.ts';

const bounded = policyOf(`
max: {activeDeadlineSeconds: 100, ttlSecondsAfterFinished: 60, resources: {memory: 1Gi, nvidia.com/gpu: 1}}
runDefaults: {ttlSecondsAfterFinished: 30, resources: {requests: {cpu: 100m}, limits: {cpu: 1}}}
dockerRequired: {network: targets}
dockerDefaults: {networkMode: bridge, shmSize: 1g}`);

test('a run that sets nothing gets the defaults, then the bounds, and the required options', () => {
  const run = withPolicyDefaults(aSpec(), bounded);
  assert.is(run.activeDeadlineSeconds, 100);
  assert.is(run.ttlSecondsAfterFinished, 30);
  assert.equal(run.resources, { requests: { cpu: '100m' }, limits: { memory: '1Gi', cpu: 1 } });
  assert.equal(run.docker, { network: 'targets', shmSize: '1g' });
});

test('a default gives way to what the run sets, so that a limit is never below its request', () => {
  const limitsOf = (resources: object) => withPolicyDefaults(aSpec({ resources }), bounded).resources;
  assert.is(limitsOf({ requests: { cpu: 2 } })?.limits?.['cpu'], 2);
  assert.is(limitsOf({ limits: { cpu: '50m' } })?.requests?.['cpu'], '50m');
});

test('a time to live that is raised after the run was accepted is bounded again', () => {
  assert.is(timeToLiveSeconds(aSpec({ ttlSecondsAfterFinished: 31_536_000 }), bounded), 60);
  assert.is(timeToLiveSeconds(aSpec({ ttlSecondsAfterFinished: 5 }), bounded), 5);
  assert.is(timeToLiveSeconds(aSpec(), bounded), 30);
  assert.is(timeToLiveSeconds(aSpec(), {}), undefined);
});

test('a bound below a default of the API server lowers the default, and refuses a higher value', () => {
  const strict = policyOf(
    'max: {startDeadlineSeconds: 600, uploadDeadlineSeconds: 900, terminationGracePeriodSeconds: 5, disruptionLimit: 2}',
  );
  const run = withPolicyDefaults(aSpec(), strict);
  assert.is(run.startDeadlineSeconds, 600);
  assert.is(run.uploadDeadlineSeconds, 900);
  assert.is(run.terminationGracePeriodSeconds, 5);
  assert.is(run.disruptionLimit, 2);
  assert.is(refusedByPolicy(aSpec(), strict), undefined);
  for (const above of [
    { startDeadlineSeconds: 601 },
    { uploadDeadlineSeconds: 901 },
    { terminationGracePeriodSeconds: 6 },
    { disruptionLimit: 3 },
  ])
    assert.is(refusedByPolicy(aSpec(above), strict)?.reason, 'PolicyBoundExceeded', JSON.stringify(above));
  assert.is(withPolicyDefaults(aSpec({ disruptionLimit: 1 }), strict).disruptionLimit, 1);
});

test('the start deadline that the controller waits for is bounded too', () => {
  const run = aRun();
  const policy = policyOf('max: {startDeadlineSeconds: 600}');
  assert.is(startDeadlineExceeded({ ...anObservation({ run }), policy }, after(599)), false);
  assert.is(startDeadlineExceeded({ ...anObservation({ run }), policy }, after(600)), true);
});

test('a run without a policy keeps its spec', () => {
  assert.equal(withPolicyDefaults(aSpec(), {}), aSpec());
});

test('an entry for a namespace can raise a bound and not lift it, and adds to lists', () => {
  const yaml = `
max: {backoffLimit: 1, resources: {memory: 1Gi, cpu: 4}}
dockerRequired: {network: targets, readOnly: true}
podMetadata: {labels: [{key: a}]}
namespaces:
  - {names: [lab], max: {backoffLimit: 5, resources: {memory: 2Gi, cpu: 2}}, keptContainers: true}
  - {names: [lab], dockerRequired: {networkMode: none}, podMetadata: {labels: [{key: b}]}, max: {}}
  - {names: [lab], keptContainers: false}`;
  const { max, dockerRequired, podMetadata, keptContainers } = policyOf(yaml);
  assert.equal(max, { backoffLimit: 5, resources: { memory: '2Gi', cpu: 4 } });
  assert.equal(dockerRequired, { readOnly: true, networkMode: 'none' });
  assert.equal(podMetadata?.labels, [{ key: 'a' }, { key: 'b' }]);
  assert.is(keptContainers, true);
  assert.is(policyOf(yaml, 'other').max?.backoffLimit, 1);
});

test.run();
