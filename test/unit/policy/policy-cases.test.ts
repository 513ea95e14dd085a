import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { refusedByPolicy } from '../../../src/policy/policy.ts';
import { specOf } from '../../fixtures/builders.ts';
import { policyOf } from '../../fixtures/policies.ts';
import { policyCases } from './policy-cases.ts';

for (const { policy, suffix = 'other', cases } of policyCases) {
  const effective = policyOf(policy, `policy-of-${suffix}`);
  for (const { what, spec, refused } of cases) {
    const verdict = refused === undefined ? 'allowed' : 'refused';
    test(`${what} is ${verdict}, under ${policy.split('\n')[0]}`, () => {
      assert.is(refusedByPolicy(specOf({ image: 'busybox', ...spec }), effective)?.reason, refused);
    });
  }
}

test.run();
