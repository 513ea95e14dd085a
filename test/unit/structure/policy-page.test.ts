import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { policyOptionNames } from '../../../src/api/docker/option-risks.ts';
import { policySpec } from '../../../src/policy/policy-schema.ts';
import { readPage } from './pages.ts';

const page = readPage('docs/policy.md');

test('the table in docs/policy.md names exactly the options that need permission', () => {
  const [, ...options] = page.rows.map(([cell = '']) => cell);
  const named = options.flatMap((cell) => cell.replaceAll('`', '').split(', '));
  assert.equal(named.toSorted(), policyOptionNames.toSorted());
});

test('docs/policy.md describes every field of the policy', () => {
  const missing = Object.keys(policySpec.properties).filter(
    (field) => !page.lines.some((line) => line.startsWith(`- **${field}**: `)),
  );
  assert.equal(missing, []);
});

test.run();
