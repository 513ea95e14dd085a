import {
  engineLabel,
  group,
  plural,
  policyPlural,
  setPlural,
  version as apiVersion,
} from '../../api/names.ts';
import { readConfig } from '../../controller/config.ts';
import { connect, type Connection, NoKubeconfig } from '../../kube/connection.ts';
import { listAt, numberAt, recordAt, textAt } from '../../kube/json.ts';
import { isNotFound, KubeError } from '../../kube/kube-error.ts';
import { paths } from '../../kube/paths.ts';
import { requestJson } from '../../kube/request.ts';
import { describe } from '../../support/errors.ts';
import { version } from '../../support/version.ts';

/** What `dockerrun doctor` found out about one thing. */
export type Finding = {
  readonly subject: string;
  /** Skipped: it could not be found out, or nobody asked for it. */
  readonly state: 'ok' | 'warning' | 'failed' | 'skipped';
  readonly message: string;
  /** What to do; of all that is not ok. */
  readonly fix?: string;
};

type Cluster = { readonly connection: Connection; readonly signal: AbortSignal };
type Check = (cluster: Cluster) => Promise<Omit<Finding, 'subject'>>;

const installed = 'install the operator as docs/install.md describes, or ask the administrator to';

/** In order: what comes later needs what comes before. */
const checks: readonly (readonly [subject: string, check: Check])[] = [
  ['resources', resources],
  ['operator', operator],
  ['policy', policy],
  ['nodes', nodes],
  ['rights', rights],
];

/** Whether the cluster of the kubeconfig can run DockerRuns for this user. Never rejects, unless the signal aborts. */
export async function checkCluster(signal: AbortSignal): Promise<Finding[]> {
  const opened = await opening();
  if (!('connection' in opened)) return [opened];
  const cluster = { ...opened, signal };
  const first = await versionOf(cluster);
  if (first.state !== 'ok') return [first];
  const findings: Finding[] = [first];
  for (const [subject, check] of checks) {
    const found = await check(cluster).catch((error: unknown) => unknownBy(error, signal));
    findings.push({ subject, ...found });
  }
  return findings;
}

async function opening(): Promise<{ connection: Connection } | Finding> {
  try {
    return { connection: await connect() };
  } catch (error) {
    if (error instanceof NoKubeconfig)
      return {
        subject: 'cluster',
        state: 'skipped',
        message: 'there is no kubeconfig',
        fix: 'to use a cluster, set KUBECONFIG to the kubeconfig that its administrator gave you',
      };
    const fix = 'set KUBECONFIG to a kubeconfig that you can read, with a current context';
    return {
      subject: 'cluster',
      state: 'failed',
      message: `the kubeconfig cannot be used: ${describe(error)}`,
      fix,
    };
  }
}

async function versionOf({ connection, signal }: Cluster): Promise<Finding> {
  const server = connection.server.origin;
  try {
    const answer = await requestJson(connection, { method: 'GET', path: '/version', once: true, signal });
    const message = `Kubernetes ${textAt(answer, 'gitVersion') ?? 'of an unknown version'} at ${server}`;
    return { subject: 'cluster', state: 'ok', message };
  } catch (error) {
    signal.throwIfAborted();
    const fix = 'check the current context (kubectl config current-context) and the network to the cluster';
    return { subject: 'cluster', state: 'failed', message: `${server}: ${describe(error)}`, fix };
  }
}

/** Users often may not list things of the whole cluster; that is no fault. */
function unknownBy(error: unknown, signal: AbortSignal): Omit<Finding, 'subject'> {
  signal.throwIfAborted();
  if (isForbidden(error))
    return { state: 'skipped', message: 'you may not look at this', fix: 'ask the administrator to' };
  return { state: 'warning', message: describe(error), fix: 'try again' };
}

function isForbidden(error: unknown): boolean {
  return error instanceof KubeError && error.status === 403;
}

async function resources({ connection, signal }: Cluster): ReturnType<Check> {
  const wanted = [plural, setPlural, policyPlural];
  const path = `/apis/${group}/${apiVersion}`;
  try {
    const answer = await requestJson(connection, { method: 'GET', path, signal });
    const names = new Set(listAt(answer, 'resources').map((resource) => textAt(resource, 'name')));
    const missing = wanted.filter((name) => !names.has(name));
    if (missing.length === 0) return { state: 'ok', message: `${group}/${apiVersion} is installed` };
    return {
      state: 'failed',
      message: `${group}/${apiVersion} lacks ${missing.join(', ')}`,
      fix: 'apply the CRDs of this version (the chart has them)',
    };
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return { state: 'failed', message: `the cluster does not know ${group}/${apiVersion}`, fix: installed };
  }
}

/** The Deployment of the controller; undefined if there is none. */
async function controllerOf(cluster: Cluster): Promise<unknown> {
  const labelSelector = 'app.kubernetes.io/part-of=dockerrun,app.kubernetes.io/component=controller';
  const [deployment] = await list(cluster, '/apis/apps/v1/deployments', { labelSelector });
  return deployment;
}

async function operator(cluster: Cluster): ReturnType<Check> {
  const deployment = await controllerOf(cluster);
  if (deployment === undefined)
    return { state: 'failed', message: 'there is no controller in the cluster', fix: installed };
  const metadata = recordAt(deployment, 'metadata');
  const namespace = textAt(metadata, 'namespace') ?? '';
  const ready = numberAt(recordAt(deployment, 'status'), 'readyReplicas') ?? 0;
  const place = `${namespace}/${textAt(metadata, 'name') ?? ''}`;
  if (ready === 0)
    return {
      state: 'failed',
      message: `no replica of ${place} is ready`,
      fix: `kubectl --namespace ${namespace} get pods, and the log of one that is not ready`,
    };
  const own = textAt(recordAt(metadata, 'labels'), 'app.kubernetes.io/version');
  if (own !== version)
    return {
      state: 'warning',
      message: `${place} is version ${own ?? '?'}, and this command ${version}`,
      fix: 'use the same version of both, because their schemas may differ',
    };
  return { state: 'ok', message: `${place} ${version}, ${ready} ready` };
}

/** What of the installation decides what a missing policy or label means. */
export type Installation = { readonly policyRequired: boolean; readonly hasNodeAgent: boolean };

/** Of the chart. */
const byDefault: Installation = { policyRequired: true, hasNodeAgent: true };

/** As the environment of the controller has it; undefined if that does not show it. Pure. */
export function installationOf(deployment: unknown): Installation | undefined {
  const pod = recordAt(recordAt(recordAt(deployment, 'spec'), 'template'), 'spec');
  const container = listAt(pod, 'containers').find((one) => textAt(one, 'name') === 'controller');
  const variables = listAt(container, 'env').map((one) => ({
    name: textAt(one, 'name') ?? '',
    value: textAt(one, 'value') ?? '',
    isElsewhere: Object.keys(recordAt(one, 'valueFrom')).length > 0,
  }));
  if (variables.some(({ name, isElsewhere }) => isElsewhere && name.startsWith('DOCKERRUN_')))
    return undefined;
  try {
    // As in a pod, the last of several variables with one name counts.
    const { policyRequired, nodeAgentNamespace } = readConfig(
      Object.fromEntries(variables.map(({ name, value }) => [name, value])),
    );
    return { policyRequired, hasNodeAgent: nodeAgentNamespace !== undefined };
  } catch {
    return undefined;
  }
}

/** Undefined if this user may not see it. Without a controller, it is what the chart would install. */
async function installation(cluster: Cluster): Promise<Installation | undefined> {
  try {
    const deployment = await controllerOf(cluster);
    return deployment === undefined ? byDefault : installationOf(deployment);
  } catch (error) {
    if (isForbidden(error)) return undefined;
    throw error;
  }
}

async function policy(cluster: Cluster): ReturnType<Check> {
  const names = (await list(cluster, paths.policies())).map((one) =>
    textAt(recordAt(one, 'metadata'), 'name'),
  );
  if (names.includes('default')) return { state: 'ok', message: 'there is a DockerRunPolicy named default' };
  return withoutPolicy(await installation(cluster));
}

/** What it means that there is no DockerRunPolicy. Pure. */
export function withoutPolicy(found: Installation | undefined): Omit<Finding, 'subject'> {
  const message = 'there is no DockerRunPolicy named default';
  const fix = 'set the value policy of the chart, or apply one (docs/policy.md)';
  if (found?.policyRequired === true)
    return { state: 'failed', message: `${message}, so no run starts`, fix };
  if (found === undefined) {
    const unless = 'so no run starts, unless the operator was installed with policyRequired: false';
    return { state: 'warning', message: `${message}, ${unless}`, fix: `ask the administrator: ${fix}` };
  }
  const allowed =
    'and none is required (policyRequired: false): runs may use nothing of the nodes, but any image and address';
  return { state: 'ok', message: `${message}, ${allowed}` };
}

async function nodes(cluster: Cluster): ReturnType<Check> {
  const all = await list(cluster, paths.nodes());
  const labelOf = (node: unknown) => textAt(recordAt(recordAt(node, 'metadata'), 'labels'), engineLabel);
  const count = (state: string) => all.filter((node) => labelOf(node) === state).length;
  const counts = { ready: count('ready'), unready: count('unready'), all: all.length };
  return withNodes(counts, await installation(cluster));
}

type NodeCounts = { readonly ready: number; readonly unready: number; readonly all: number };

/** What the labels of the nodes mean: without the node agent, runs go to nodes whatever their labels are. Pure. */
export function withNodes(
  { ready, unready, all }: NodeCounts,
  found: Installation | undefined,
): Omit<Finding, 'subject'> {
  if (found?.hasNodeAgent === false)
    return {
      state: 'skipped',
      message:
        'the operator was installed without the node agent (nodeAgent.enabled: false), so runs go to any node',
      fix: 'see that the Docker Engine runs on each node that may get runs, or set nodeAgent.enabled: true',
    };
  const message = `the Docker Engine answers on ${ready} of ${all} nodes`;
  const fix = `kubectl get nodes --label-columns ${engineLabel}; the log of the node agent on a node says why`;
  if (ready === 0 && unready === 0 && found === undefined) {
    const unless = `no node has the label ${engineLabel}, so no run starts, unless the operator was installed with nodeAgent.enabled: false`;
    return { state: 'warning', message: unless, fix: `ask the administrator: ${fix}` };
  }
  if (ready === 0) return { state: 'failed', message, fix };
  return unready > 0 ? { state: 'warning', message, fix } : { state: 'ok', message };
}

async function rights({ connection, signal }: Cluster): ReturnType<Check> {
  const { namespace } = connection;
  const resourceAttributes = { namespace, group, resource: plural, verb: 'create' };
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes },
  };
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const answer = await requestJson(connection, { method: 'POST', path, body, signal });
  if (recordAt(answer, 'status')['allowed'] === true)
    return { state: 'ok', message: `you may create DockerRuns in the namespace ${namespace}` };
  return {
    state: 'failed',
    message: `you may not create DockerRuns in the namespace ${namespace}`,
    fix: 'ask for the role edit in it, or set the namespace of your context to one of yours (docs/namespaces.md)',
  };
}

/** Clusters have at most 5,000 nodes; what is more is not counted. */
async function list(
  { connection, signal }: Cluster,
  path: string,
  query: Record<string, string> = {},
): Promise<readonly unknown[]> {
  const answer = await requestJson(connection, {
    method: 'GET',
    path,
    query: { ...query, limit: '5000' },
    maxBytes: 256 * 1024 * 1024,
    signal,
  });
  return listAt(answer, 'items');
}
