import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parsePolicySpec, policyFor, refusedByPolicy } from '../../../src/controller/policy.ts';
import { specOf } from '../../fixtures/builders.ts';
import { AdmissionLab, type Site } from './admission-lab.ts';
import { policyCases } from './policy-cases.ts';

let lab: AdmissionLab;
const sites: Site[] = [];

test.before(async () => {
  lab = await AdmissionLab.open();
  for (const { policy, suffix } of policyCases) sites.push(await lab.site(policy, suffix));
  await lab.ready();
});
test.after(async () => {
  await lab[Symbol.asyncDispose]();
});

/** What the controller says against a run. */
function controllerSays(
  { namespace, spec: policy }: Site,
  spec: unknown,
): { reason?: string; sentence?: string } {
  const refusal = refusedByPolicy(specOf(spec), policyFor(namespace, parsePolicySpec(policy)));
  return refusal === undefined ? {} : { reason: refusal.reason, sentence: refusal.sentence };
}

for (const [index, { policy, cases }] of policyCases.entries()) {
  for (const { what, spec, refused } of cases) {
    const verb = refused === undefined ? 'allow' : 'refuse';
    test(`${what}: the controller and the API server ${verb} it, under ${policy.split('\n')[0]}`, async () => {
      const site = sites[index];
      assert.ok(site);
      const run = { image: 'busybox', ...spec };
      const { reason, sentence } = controllerSays(site, run);
      assert.is(reason, refused);
      assert.is(await lab.refusal(site, run), sentence);
    });
  }
}

test.run();
