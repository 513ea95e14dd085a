import type { V1Volume } from '@kubernetes/client-node';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parsePlannerPlan, plannerPlanVariable } from '../../../src/api/set/planner-plan.ts';
import { desiredPlannerJob } from '../../../src/controller/set/decide/planner-job.ts';
import { workerConfig } from '../../fixtures/builders.ts';
import { aSet } from '../../fixtures/builders-set.ts';

const sourceOfVolume = ({ secret, emptyDir }: V1Volume) => secret?.secretName ?? (emptyDir && 'spool');

test('the planner has the Secret and its plan, but no rights in Kubernetes or on its node', () => {
  const set = aSet();
  const job = desiredPlannerJob(set, 3, { worker: workerConfig, policy: {}, status: {} });
  const pod = job.spec?.template.spec;
  const [container] = pod?.containers ?? [];
  const text = JSON.stringify(job);
  const rights =
    /"automountServiceAccountToken":false.*"runAsNonRoot":true.*"capabilities":\{"drop":\["ALL"\]\}/;
  assert.match(text, rights);
  assert.equal(pod?.volumes?.map(sourceOfVolume), ['girder', 'spool']);
  assert.match(job.metadata?.name ?? '', /^.{1,61}$/);
  const plan = container?.env?.find(({ name }) => name === plannerPlanVariable)?.value;
  assert.equal(parsePlannerPlan(plan?.replaceAll('$$', '$')).spec, set.spec);
});

test.run();
