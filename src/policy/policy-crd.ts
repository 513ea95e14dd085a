import { group, policyKind, policyName, policyPlural, version } from '../api/names.ts';
import { policySpec } from './policy-schema.ts';

/** The CustomResourceDefinition of the policy, made from its schema. */
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
    description: `What DockerRuns may use of the cluster's nodes and of the network. The object named ${policyName} counts, and no other; without it nothing of the nodes is allowed. A change counts for runs that start after it.`,
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
