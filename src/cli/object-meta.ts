import type { StructuralSchema } from '../api/structural.ts';

const text: StructuralSchema = {};
const texts: StructuralSchema = { additionalProperties: text };
const anything: StructuralSchema = { 'x-kubernetes-preserve-unknown-fields': true };

/**
 * The metadata of any object of Kubernetes, as far as its fields must be known
 * (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/).
 */
export const objectMeta: StructuralSchema = {
  properties: {
    name: text,
    generateName: text,
    namespace: text,
    labels: texts,
    annotations: texts,
    finalizers: anything,
    managedFields: anything,
    ownerReferences: anything,
    creationTimestamp: anything,
    deletionGracePeriodSeconds: anything,
    deletionTimestamp: anything,
    generation: anything,
    resourceVersion: text,
    selfLink: text,
    uid: text,
  },
};
