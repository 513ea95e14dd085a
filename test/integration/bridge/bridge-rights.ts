import { recordAt, textAt } from '../../../src/kube/json.ts';
import { requestJson } from '../../../src/kube/request.ts';
import { paths } from '../../../src/kube/paths.ts';
import type { ControlPlane } from '../../fixtures/control-plane.ts';

const rbac = 'rbac.authorization.k8s.io';
const account = { kind: 'ServiceAccount', name: 'bridge', namespace: 'default' };
const roles = (namespace: string) => `/apis/${rbac}/v1/namespaces/${namespace}/roles`;
const bindings = (namespace: string) => `/apis/${rbac}/v1/namespaces/${namespace}/rolebindings`;

/** As the chart has them for the namespace of the bridge. */
const ownRules = [
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create', 'get', 'patch'] },
  { apiGroups: [''], resources: ['secrets'], verbs: ['get', 'patch'] },
];

/** As the chart has them for each namespace of a queue. */
const runRules = [
  {
    apiGroups: ['dockerrun.dev'],
    resources: ['dockerruns'],
    verbs: ['get', 'list', 'watch', 'create', 'patch'],
  },
  { apiGroups: [''], resources: ['secrets'], verbs: ['get', 'create'] },
];

/** The service account of the bridge, with the rights that the chart gives it, in namespaces that come and go. */
export class BridgeRights {
  readonly kubeconfig: string;
  readonly #plane: ControlPlane;

  private constructor(plane: ControlPlane, kubeconfig: string) {
    this.#plane = plane;
    this.kubeconfig = kubeconfig;
  }

  /** With rights in its own namespace, `default`, where it may have runs as well. */
  static async create(plane: ControlPlane): Promise<BridgeRights> {
    const { client } = plane;
    const accounts = `/api/v1/namespaces/${account.namespace}/serviceaccounts`;
    await client.create(accounts, { metadata: { name: account.name } });
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
    const answer = await client.create(`${accounts}/${account.name}/token`, request);
    const token = textAt(recordAt(answer, 'status'), 'token') ?? '';
    const user = { name: account.name, token };
    const rights = new BridgeRights(plane, plane.files.kubeconfigFor(plane.server, user));
    await rights.#grant(account.namespace, [...ownRules, ...runRules]);
    return rights;
  }

  /** Makes a namespace, and the Role in it as the chart does. */
  async addNamespace(name: string): Promise<void> {
    await this.#plane.client.create('/api/v1/namespaces', { metadata: { name } });
    await this.#grant(name, runRules);
  }

  /** Deletes a namespace with the Role in it, as the namespace controller does; it must have no runs. */
  async removeNamespace(name: string): Promise<void> {
    const { client } = this.#plane;
    await client.delete(`${bindings(name)}/${account.name}`);
    await client.delete(`${roles(name)}/${account.name}`);
    await client.delete(paths.namespace(name));
    const path = `${paths.namespace(name)}/finalize`;
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: { finalizers: [] } };
    await requestJson(client.connection, { method: 'PUT', path, body, signal: AbortSignal.timeout(30_000) });
  }

  async #grant(namespace: string, rules: readonly object[]): Promise<void> {
    const { client } = this.#plane;
    const metadata = { name: account.name };
    const roleRef = { apiGroup: rbac, kind: 'Role', name: account.name };
    await client.create(roles(namespace), { metadata, rules });
    await client.create(bindings(namespace), { metadata, roleRef, subjects: [account] });
  }
}
