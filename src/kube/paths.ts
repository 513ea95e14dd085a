import { group, plural, policyPlural, setPlural, version } from '../api/names.ts';

const inNamespace = (root: string, namespace: string | undefined, resource: string) =>
  namespace === undefined ? `${root}/${resource}` : `${root}/namespaces/${namespace}/${resource}`;

/** Paths on the API server. A collection without a namespace is that of the whole cluster. */
export const paths = {
  namespace: (name: string) => `/api/v1/namespaces/${name}`,
  dockerRuns: (namespace?: string) => inNamespace(`/apis/${group}/${version}`, namespace, plural),
  sets: (namespace?: string) => inNamespace(`/apis/${group}/${version}`, namespace, setPlural),
  policies: () => `/apis/${group}/${version}/${policyPlural}`,
  jobs: (namespace?: string) => inNamespace('/apis/batch/v1', namespace, 'jobs'),
  pods: (namespace?: string) => inNamespace('/api/v1', namespace, 'pods'),
  configMaps: (namespace?: string) => inNamespace('/api/v1', namespace, 'configmaps'),
  secrets: (namespace: string) => inNamespace('/api/v1', namespace, 'secrets'),
  webhookConfigurations: () => '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
  nodes: () => '/api/v1/nodes',
  events: (namespace?: string) => inNamespace('/api/v1', namespace, 'events'),
} as const;
