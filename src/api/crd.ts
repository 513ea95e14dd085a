import { rules } from './keywords.ts';
import { group, kind, plural, version } from './names.ts';
import { dockerRunSpec } from './spec.ts';
import { dockerRunStatus } from './status.ts';

const column = (name: string, type: string, jsonPath: string, priority = 0) => ({
  name,
  type,
  jsonPath,
  ...(priority > 0 ? { priority } : {}),
});

/** The CustomResourceDefinition, made from the one schema. */
export function customResourceDefinition(): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), shortNames: ['dr'] },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: [
            column('Phase', 'string', '.status.phase'),
            column('Node', 'string', '.status.nodeName'),
            column('Exit', 'integer', '.status.target.exitCode'),
            column('Age', 'date', '.metadata.creationTimestamp'),
            column('Reason', 'string', '.status.reason', 1),
            column('Pod', 'string', '.status.podName', 1),
            column('Message', 'string', '.status.message', 1),
          ],
          schema: { openAPIV3Schema: rootSchema() },
        },
      ],
    },
  };
}

function rootSchema(): object {
  return {
    type: 'object',
    description:
      'Runs a container image on the Docker Engine of a node, with inputs from Girder and results to Girder.',
    required: ['spec'],
    properties: { spec: dockerRunSpec, status: dockerRunStatus },
    ...rules({
      rule: '!has(oldSelf.status) || !(has(oldSelf.status.jobName) || has(oldSelf.status.completionTime)) || self.spec == oldSelf.spec',
      message: 'a run that has started or ended cannot change: apply it under a new name',
    }),
  };
}
