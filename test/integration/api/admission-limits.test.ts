import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { recordAt } from '../../../src/kube/wire.ts';
import { until } from '../../fixtures/until.ts';
import { AdmissionLab, type Site } from './admission-lab.ts';
import { largestPolicy, largestSpecs } from './largest.ts';

let lab: AdmissionLab;
let largest: Site;

test.before(async () => {
  lab = await AdmissionLab.open();
  largest = await lab.site(JSON.stringify(largestPolicy));
  await lab.ready();
});
test.after(async () => {
  await lab[Symbol.asyncDispose]();
});

for (const [what, spec] of Object.entries(largestSpecs)) {
  test(`the API server can afford the rules for ${what}, under the largest policy`, async () => {
    assert.is(await lab.refusal(largest, spec), undefined);
  });
}

test('the API server finds no fault in the types of the rules', async () => {
  const status = async () => recordAt(await lab.rules(), 'status');
  const checked = await until('the API server has checked the types', status, {
    ...{ holds: ({ observedGeneration }) => observedGeneration !== undefined, withinMs: 60_000 },
  });
  assert.equal(checked, { observedGeneration: 1, typeChecking: {} });
});

test.run();
