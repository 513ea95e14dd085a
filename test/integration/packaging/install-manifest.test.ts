import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { installManifest } from '../../../scripts/install-manifest.ts';
import { helmProgram, manifestsIn } from '../../fixtures/helm.ts';

const committed = readFileSync('deploy/install.yaml', 'utf8');

test('deploy/install.yaml is what the chart renders; if it differs, run make manifests', () => {
  const rendered = installManifest(helmProgram).split('\n');
  const lines = committed.split('\n');
  // Show the first difference, not thousands of lines.
  const at = lines.findIndex((line, index) => line !== rendered[index]);
  assert.is(lines[at], rendered[at], `line ${at + 1}`);
  assert.is(lines.length, rendered.length);
});

test('the manifest has everything that the operator needs, the namespace first, and no test', () => {
  const kinds = manifestsIn(committed).map(({ kind }) => kind);
  assert.is(kinds[0], 'Namespace');
  for (const kind of ['CustomResourceDefinition', 'Deployment', 'NetworkPolicy', 'PodDisruptionBudget'])
    assert.ok(kinds.includes(kind), kind);
  assert.not.ok(kinds.includes('Pod'));
});

test.run();
