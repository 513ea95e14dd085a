import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { policyOptionNames } from '../../../src/api/docker/option-risks.ts';
import { policySpec } from '../../../src/policy/policy-schema.ts';
import { readPage } from './pages.ts';

const page = readPage('docs/policy.md');

test('docs/policy.md names every option that needs permission in its table, and no other', () => {
  const [, ...options] = page.rows.map(([cell = '']) => cell);
  const named = options.flatMap((cell) => cell.replaceAll('`', '').split(', '));
  assert.equal(named.toSorted(), policyOptionNames.toSorted());
});

test('docs/policy.md has a rule for every field of the policy', () => {
  const missing = Object.keys(policySpec.properties).filter(
    (field) => !page.lines.some((line) => line.startsWith(`- **${field}**: `)),
  );
  assert.equal(missing, []);
});

test.run();
