import { type Column, column, namespacedDefinition } from '../crd.ts';
import { rules } from '../keywords.ts';
import { setKind, setPlural } from '../names.ts';
import { dockerRunSetSpec } from './set-spec.ts';
import { dockerRunSetStatus } from './set-status.ts';

/** What identifies the results: another folder is another set. */
const fixedFields = ['self.spec.source.folder', 'self.spec.results.folder', 'self.spec.results.place'];

export const setColumns: readonly Column[] = [
  column('Phase', 'string', '.status.phase'),
  column('Done', 'string', '.status.summary'),
  column('Failed', 'integer', '.status.items.failed'),
  column('Running', 'integer', '.status.items.running'),
  column('ETA', 'string', '.status.rate.eta'),
  column('Age', 'date', '.metadata.creationTimestamp'),
  column('Pass', 'integer', '.status.pass.number', 1),
  column('Message', 'string', '.status.message', 1),
];

export function setResourceDefinition(): object {
  return namespacedDefinition({
    names: { kind: setKind, plural: setPlural, shortNames: ['drset'] },
    columns: setColumns,
    selectableFields: ['.status.phase'],
    schema: rootSchema(),
  });
}

function rootSchema(): object {
  return {
    type: 'object',
    description:
      'Runs a container image over every item or folder below a folder of Girder, and keeps the results up to date.',
    required: ['spec'],
    properties: { spec: dockerRunSetSpec, status: dockerRunSetStatus },
    ...rules(
      {
        rule: fixedFields.map(sameAsBefore).join(' && '),
        message:
          'spec.source.folder, spec.results.folder and spec.results.place cannot change: delete the set, which keeps all results, and apply it again; a set of another name needs another results folder',
      },
      {
        rule: '!(has(oldSelf.spec.cancel) && oldSelf.spec.cancel) || (has(self.spec.cancel) && self.spec.cancel)',
        message:
          'spec.cancel ends a set for good and cannot be unset: delete the set, which keeps all results, and apply it again',
      },
    ),
  };
}

function sameAsBefore(field: string): string {
  const before = field.replace('self.', 'oldSelf.');
  return `(has(${field}) ? has(${before}) && ${field} == ${before} : !has(${before}))`;
}
