import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { isRecord } from '../../../src/api/json-values.ts';

type Crd = { spec: { versions: [{ schema: { openAPIV3Schema: unknown } }] } };

/** The paths of all fields below one, as `[]` and `{}` of lists and maps have them. */
function pathsBelow(path: string, schema: unknown): string[] {
  if (!isRecord(schema)) return [];
  const { properties, items, additionalProperties } = schema;
  const fields = isRecord(properties) ? Object.entries(properties) : [];
  const own = fields.flatMap(([name, field]) => {
    const below = path === '' ? name : `${path}.${name}`;
    return [below, ...pathsBelow(below, field)];
  });
  return [...own, ...pathsBelow(`${path}[]`, items), ...pathsBelow(`${path}{}`, additionalProperties)];
}

for (const [crd, most] of [
  ['dockerruns', 300],
  ['dockerrunsets', 100],
  ['dockerrunpolicies', 300],
] as const)
  test(`the page of the fields of ${crd} has each field of the CRD once`, () => {
    const { spec } = parse(readFileSync(`crds/${crd}.yaml`, 'utf8')) as Crd;
    const page = readFileSync(`docs/reference/${crd.replace(/ies$/, 'y').replace(/s$/, '')}.md`, 'utf8');
    const paths = pathsBelow('', spec.versions[0].schema.openAPIV3Schema).filter(
      (path) => path.includes('.') && !path.startsWith('spec.template.spec.'),
    );
    assert.ok(paths.length > most, `${paths.length} fields`);
    const written = [...page.matchAll(/^(?:###|-) `((?:spec|status)\.[^`]*)`/gm)].map(
      ([, path = '']) => path,
    );
    assert.equal(written.toSorted(), paths.toSorted());
  });

test.run();
