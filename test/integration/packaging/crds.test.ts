import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { group } from '../../../src/api/names.ts';
import { recordAt } from '../../../src/kube/json.ts';
import { environment } from '../../e2e/support/environment.ts';
import { succeed } from '../../e2e/support/shell.ts';

const otherGroup = `stored.${group}`;

/** A CRD in another API group, so that an installed one has no effect. */
function definition(file: string): Record<string, unknown> {
  const crd: unknown = parse(readFileSync(file, 'utf8'));
  const { shortNames: _, ...names } = recordAt(recordAt(crd, 'spec'), 'names');
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${String(names['plural'])}.${otherGroup}` },
    spec: { ...recordAt(crd, 'spec'), group: otherGroup, names },
  };
}

/** Each string, number and empty list or object in a value, with its path. */
function leaves(value: unknown, path: string): string[] {
  const inner = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  if (inner.length === 0) return [`${path}: ${JSON.stringify(value)}`];
  return inner.flatMap(([key, one]) => leaves(one, `${path}.${key}`));
}

const versionsOf = (crd: unknown) => leaves(recordAt(crd, 'spec')['versions'], 'versions');

function without(some: readonly string[], others: readonly string[]): string[] {
  const known = new Set(others);
  return some.filter((one) => !known.has(one));
}

for (const file of ['crds/dockerruns.yaml', 'crds/dockerrunsets.yaml', 'crds/dockerrunpolicies.yaml'])
  test(`the API server stores ${file} unchanged, so that a diff against the file is empty`, async () => {
    environment('KUBECONFIG');
    const crd = definition(file);
    const create = ['create', '--dry-run=server', '--output=json', '--filename=-'];
    const stored: unknown = JSON.parse(await succeed('kubectl', create, { input: JSON.stringify(crd) }));
    const [written, kept] = [versionsOf(crd), versionsOf(stored)];
    assert.ok(written.length > 50);
    assert.equal(without(written, kept), [], 'dropped');
    assert.equal(without(kept, written), [], 'added');
  });

test.run();
