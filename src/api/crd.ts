import { rules } from './keywords.ts';
import { group, kind, plural, version } from './names.ts';
import { dockerRunSpec } from './spec.ts';
import { dockerRunStatus } from './status.ts';

/** A column of `kubectl get`; with a priority above 0 only of `-o wide`. */
export type Column = {
  readonly name: string;
  readonly type: string;
  readonly jsonPath: string;
  readonly priority?: number;
};

export const column = (name: string, type: string, jsonPath: string, priority = 0): Column => ({
  name,
  type,
  jsonPath,
  ...(priority > 0 ? { priority } : {}),
});

export const runColumns: readonly Column[] = [
  column('Phase', 'string', '.status.phase'),
  column('Progress', 'string', '.status.progress.summary'),
  column('Node', 'string', '.status.nodeName'),
  column('Exit', 'integer', '.status.target.exitCode'),
  column('Age', 'date', '.metadata.creationTimestamp'),
  column('Reason', 'string', '.status.reason', 1),
  column('Attempts', 'integer', '.status.attempts', 1),
  column('Image', 'string', '.spec.image', 1),
  column('Pod', 'string', '.status.podName', 1),
  column('Message', 'string', '.status.message', 1),
];

/** For `kubectl get --field-selector`. */
const selectableFields = ['.spec.image', '.status.nodeName', '.status.phase', '.status.reason'];

/**
 * The fields that may change after the start: they control whether and how long the run stays, not what it
 * does.
 */
export const mutableFields: readonly string[] = ['suspend', 'cancel', 'ttlSecondsAfterFinished'];

export function customResourceDefinition(): object {
  return namespacedDefinition({
    names: { kind, plural, shortNames: ['dr'] },
    columns: runColumns,
    selectableFields,
    schema: rootSchema(),
  });
}

type Definition = {
  readonly names: { readonly kind: string; readonly plural: string; readonly shortNames: readonly string[] };
  readonly columns: readonly Column[];
  readonly selectableFields: readonly string[];
  /** Of the whole object. */
  readonly schema: object;
};

/** The CRD of a namespaced kind of the group, which has a status. */
export function namespacedDefinition({ names, columns, selectableFields, schema }: Definition): object {
  const { kind, plural, shortNames } = names;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), shortNames },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          selectableFields: selectableFields.map((jsonPath) => ({ jsonPath })),
          schema: { openAPIV3Schema: withoutEmptyProperties(requireNoDefaults(schema)) },
        },
      ],
    },
  };
}

/**
 * Removes empty `properties`. The API server drops them when it stores a CRD, so Argo CD and other tools
 * would report a difference forever.
 */
export function withoutEmptyProperties(schema: unknown): unknown {
  const kept = (key: string, value: unknown) => (key === 'properties' && isEmpty(value) ? undefined : value);
  return JSON.parse(JSON.stringify(schema, kept)) as unknown;
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function rootSchema(): object {
  return {
    type: 'object',
    description:
      'Runs a container image on the Docker Engine of a node, with inputs from Girder and results to Girder.',
    required: ['spec'],
    properties: { spec: dockerRunSpec, status: dockerRunStatus },
    ...rules(
      {
        rule: `!has(oldSelf.status) || !(has(oldSelf.status.jobName) || has(oldSelf.status.completionTime)) || (${sameInAllBut(mutableFields)})`,
        message: `a run that has its Job or has ended cannot change except in ${mutableFields.join(', ')}: apply it under a new name`,
      },
      {
        rule: '!(has(oldSelf.spec.cancel) && oldSelf.spec.cancel) || (has(self.spec.cancel) && self.spec.cancel)',
        message: 'spec.cancel stops a run for good and cannot be unset: apply the run under a new name',
      },
    ),
  };
}

/** CEL, because a structural schema has no keyword for immutable fields. */
function sameInAllBut(fields: readonly string[]): string {
  const all = Object.keys(dockerRunSpec.properties).filter((field) => !fields.includes(field));
  const same = (now: string, before: string) =>
    `(has(${now}) ? has(${before}) && ${now} == ${before} : !has(${before}))`;
  return all.map((field) => same(`self.spec.${field}`, `oldSelf.spec.${field}`)).join(' && ');
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Makes fields with a default optional. The API server sets defaults before it validates, but `kubectl
 * explain`, editors and linters do not, and would ask users for these fields.
 */
export function requireNoDefaults(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(requireNoDefaults);
  if (!isFields(schema)) return schema;
  const entries = Object.entries(schema).map(([key, value]): [string, unknown] => {
    // A list is the keyword; among `properties`, `required` is a field of that name with a schema.
    if (key !== 'required' || !Array.isArray(value)) return [key, requireNoDefaults(value)];
    return [key, value.filter((name: unknown) => !hasDefault(schema['properties'], name))];
  });
  return Object.fromEntries(entries.filter(([key, value]) => key !== 'required' || !isEmptyList(value)));
}

function hasDefault(properties: unknown, name: unknown): boolean {
  const field = isFields(properties) ? properties[String(name)] : undefined;
  return isFields(field) && 'default' in field;
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}
