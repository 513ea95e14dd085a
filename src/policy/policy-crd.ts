import { group, policyKind, policyName, policyPlural, version } from '../api/names.ts';
import { policySpec } from './policy-schema.ts';

export function policyResourceDefinition(): object {
  const names = {
    kind: policyKind,
    listKind: `${policyKind}List`,
    plural: policyPlural,
    singular: policyKind.toLowerCase(),
    shortNames: ['drp'],
  };
  const age = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
  const schema = {
    type: 'object',
    description: `Defines what DockerRuns may use on the nodes and on the network. Only the object named ${policyName} takes effect; without it, runs may use nothing on the nodes. A change applies to runs that start after it.`,
    required: ['spec'],
    properties: { spec: policySpec },
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${policyPlural}.${group}` },
    spec: {
      group,
      scope: 'Cluster',
      names,
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          additionalPrinterColumns: [age],
          schema: { openAPIV3Schema: schema },
        },
      ],
    },
  };
}
