import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { customResourceDefinition } from '../../../src/api/crd.ts';
import { isRecord } from '../../../src/api/json-values.ts';
import { setResourceDefinition } from '../../../src/api/set/set-crd.ts';
import { listAt, recordAt } from '../../../src/kube/json.ts';
import { policyResourceDefinition } from '../../../src/policy/policy-crd.ts';

/** The schema of an object, and the schemas below it, each with the path of its field. */
type Node = { readonly path: string; readonly schema: Readonly<Record<string, unknown>> };

function* nodesOf({ path, schema }: Node): Generator<Node> {
  yield { path, schema };
  for (const [name, field] of Object.entries(recordAt(schema, 'properties')))
    yield* nodesOf({ path: path === '' ? name : `${path}.${name}`, schema: recordAt({ field }, 'field') });
  if (isRecord(schema['items'])) yield* nodesOf({ path: `${path}[]`, schema: schema['items'] });
  const value = schema['additionalProperties'];
  if (isRecord(value)) yield* nodesOf({ path: `${path}{}`, schema: value });
}

function allNodes(definition: object): Node[] {
  const [version] = listAt(recordAt(definition, 'spec'), 'versions');
  return [...nodesOf({ path: '', schema: recordAt(recordAt(version, 'schema'), 'openAPIV3Schema') })];
}

const definitions = {
  DockerRun: customResourceDefinition(),
  DockerRunSet: setResourceDefinition(),
  DockerRunPolicy: policyResourceDefinition(),
};
const nodes = Object.values(definitions).flatMap(allNodes);

/** The keyword that bounds a value of this schema, unless it has it or needs none. */
function missingBound({ schema }: Node): string | undefined {
  const lacks = (keyword: string) => (typeof schema[keyword] === 'number' ? undefined : keyword);
  const isText = schema['type'] === 'string' || schema['x-kubernetes-int-or-string'] === true;
  if (isText) return schema['enum'] === undefined ? lacks('maxLength') : undefined;
  if (schema['type'] === 'array') return lacks('maxItems');
  const isOpen = isRecord(schema['additionalProperties']) || isFreeForm({ path: '', schema });
  return schema['type'] === 'object' && isOpen ? lacks('maxProperties') : undefined;
}

/** True where any JSON value is stored. */
function isFreeForm({ schema }: Node): boolean {
  const hasType = schema['type'] !== undefined || schema['x-kubernetes-int-or-string'] === true;
  return !hasType || schema['x-kubernetes-preserve-unknown-fields'] === true;
}

test('every text, list and map in the CRDs has a bound', () => {
  const unbounded = nodes.flatMap((node) => {
    const keyword = missingBound(node);
    return keyword === undefined ? [] : [`${node.path}: no ${keyword}`];
  });
  assert.ok(nodes.length > 1_000, `found only ${nodes.length} fields`);
  assert.equal(unbounded, []);
});

test('a map bounds its keys with a rule, because a schema has no keyword for that', () => {
  const maps = nodes.filter(({ schema }) => isRecord(schema['additionalProperties']));
  const without = maps.filter(({ schema }) => {
    const rules = listAt(schema, 'x-kubernetes-validations');
    return !JSON.stringify(rules).includes('size(key) <=');
  });
  assert.ok(maps.length > 20, `found only ${maps.length} maps`);
  assert.equal(
    without.map(({ path }) => path),
    [],
  );
});

test('only the metadata for Girder is free-form', () => {
  const upload = 'girderResultHooks[].girderUploadVolumePath';
  const inSpec = [
    'transforms[].connect.output.girderStreamToItem.metadata',
    `${upload}ToItem.metadata`,
    `${upload}ToFolder.metadata`,
  ];
  assert.equal(
    nodes.filter(isFreeForm).map(({ path }) => path),
    ['spec', 'spec.template.spec'].flatMap((spec) => inSpec.map((path) => `${spec}.${path}`)),
  );
});

test('every integer that a stranger sets has a bound that JSON represents exactly', () => {
  const integers = nodes.filter(({ schema }) => schema['type'] === 'integer');
  const isExact = (value: unknown) => typeof value === 'number' && Number.isSafeInteger(value);
  const unbounded = integers.filter(
    ({ schema }) => !isExact(schema['minimum']) || !isExact(schema['maximum']),
  );
  assert.equal(
    unbounded.map(({ path }) => path),
    [],
  );
});

test.run();
