import { group, plural, policyPlural, version } from '../api/names.ts';

/** The paths of the API server that the controller uses; without a namespace, that of the whole cluster. */
const inNamespace = (root: string, namespace: string | undefined, resource: string) =>
  namespace === undefined ? `${root}/${resource}` : `${root}/namespaces/${namespace}/${resource}`;

/** Paths of collections on the API server, of one namespace or of all. */
export const paths = {
  namespace: (name: string) => `/api/v1/namespaces/${name}`,
  dockerRuns: (namespace?: string) => inNamespace(`/apis/${group}/${version}`, namespace, plural),
  policies: () => `/apis/${group}/${version}/${policyPlural}`,
  jobs: (namespace?: string) => inNamespace('/apis/batch/v1', namespace, 'jobs'),
  pods: (namespace?: string) => inNamespace('/api/v1', namespace, 'pods'),
  configMaps: (namespace?: string) => inNamespace('/api/v1', namespace, 'configmaps'),
  events: (namespace?: string) => inNamespace('/api/v1', namespace, 'events'),
} as const;
