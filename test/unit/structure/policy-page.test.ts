import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { policyOptionNames } from '../../../src/api/docker/option-risks.ts';
import { policySpec } from '../../../src/policy/policy-schema.ts';

const page = readFileSync(new URL('../../../docs/policy.md', import.meta.url), 'utf8');

test('docs/policy.md names every option that needs leave in its table, and no other', () => {
  const cells = page.split('\n').flatMap((line) => /^\| (`[^|]*)\|/.exec(line)?.[1] ?? []);
  const named = cells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name));
  assert.equal(named.toSorted(), policyOptionNames.toSorted());
});

test('docs/policy.md tells of every field of the policy', () => {
  for (const field of Object.keys(policySpec.properties)) assert.match(page, `**${field}**`);
});

test.run();
