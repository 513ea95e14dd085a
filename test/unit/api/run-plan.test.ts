import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parsePlan, type RunPlan } from '../../../src/api/run-plan.ts';
import { aSpec } from '../../fixtures/builders.ts';

const plan: RunPlan = {
  run: { namespace: 'lab', name: 'segment', uid: 'u' },
  spec: aSpec({
    args: ['--in=$(ct)', '$$(x) "quoted"\n語'],
    resources: { limits: { cpu: 2, memory: '1Gi' } },
  }),
  kubeletRoot: '/var/lib/kubelet',
  gpusByLabel: false,
  podCgroup: { root: '/', qosClass: 'Burstable' },
};

test('a plan is the same after it is written and parsed', () => {
  assert.equal(parsePlan(JSON.stringify(plan)), plan);
});

test('the error about a missing plan names the variable', () => {
  assert.throws(() => parsePlan(undefined), /DOCKERRUN_PLAN is not set/);
});

test('the error about a plan of another version names the field that differs', () => {
  const { kubeletRoot: _, ...without } = plan;
  assert.throws(() => parsePlan(JSON.stringify(without)), /DOCKERRUN_PLAN.*kubeletRoot/);
  const wrong = { ...plan, spec: { ...plan.spec, args: 'no list' } };
  assert.throws(() => parsePlan(JSON.stringify(wrong)), /DOCKERRUN_PLAN\/spec\/args/);
});

test('a plan that is not JSON is refused', () => {
  assert.throws(
    () => parsePlan('{'),
    (error: unknown) => error instanceof SyntaxError,
  );
});

test.run();
