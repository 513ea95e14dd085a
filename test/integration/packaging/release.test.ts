import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { operatorNamespace } from '../../../scripts/install-manifest.ts';
import { KubeError } from '../../../src/kube/kube-error.ts';
import { listAt, recordAt, textAt } from '../../../src/kube/json.ts';
import { kubernetesBinaries } from '../../cluster/install/go-binaries.ts';
import { capture } from '../../cluster/command.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { chart, helm } from '../../fixtures/helm.ts';
import { until } from '../../fixtures/until.ts';
import { startWorkloadControllers } from '../../fixtures/workload-controllers.ts';

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const policyPath = '/apis/dockerrun.dev/v1alpha1/dockerrunpolicies/default';
const runPath = '/apis/dockerrun.dev/v1alpha1/namespaces/default/dockerruns';
const deploymentPath = `/apis/apps/v1/namespaces/${operatorNamespace}/deployments/dockerrun-controller`;
const policyOf = (prefix: string) => `policy={"hostPaths":[{"pathPrefix":"${prefix}"}]}`;

let plane: ControlPlane;
/** Ends namespaces: an uninstall removes that of the node agent. */
let namespaceController: AsyncDisposable;

const plurals = ['dockerruns', 'dockerrunsets', 'dockerrunpolicies'];

test.before(async () => {
  plane = await startControlPlane();
  namespaceController = startWorkloadControllers(plane, ['namespace-controller']);
  // As on a cluster that never had the CRDs.
  for (const plural of plurals)
    await plane.client.delete(`${definitions}/${plural}.dockerrun.dev`).catch(() => undefined);
  for (const plural of plurals) await is(`${definitions}/${plural}.dockerrun.dev`, 'gone');
  await is('/apis/dockerrun.dev/v1alpha1', 'gone');
});
test.after(async () => {
  await namespaceController[Symbol.asyncDispose]();
  await plane.close();
});

async function is(path: string, state: 'there' | 'gone'): Promise<void> {
  const holds = (found: boolean) => found === (state === 'there');
  await until(`${path} is ${state}`, () => exists(path), { holds, withinMs: 20_000, everyMs: 50 });
}

function exists(path: string): Promise<boolean> {
  return plane.client.get(path).then(
    () => true,
    (error: unknown) => {
      if (error instanceof KubeError && error.status === 404) return false;
      throw error;
    },
  );
}

/** Helm against this test's own cluster, which starts no pods. */
function release(verb: string, ...args: string[]): Promise<string> {
  const fixed = ['dockerrun', '--namespace', operatorNamespace];
  return helm([verb, ...fixed, ...args], { KUBECONFIG: plane.kubeconfig });
}

async function allowedPaths(): Promise<unknown> {
  return listAt(recordAt(await plane.client.get(policyPath), 'spec'), 'hostPaths').map((entry) =>
    textAt(entry, 'pathPrefix'),
  );
}

async function uidOf(path: string): Promise<string | undefined> {
  return textAt(recordAt(await plane.client.get(path), 'metadata'), 'uid');
}

test('one helm install brings the CRDs, the controller and the policy into an empty cluster', async () => {
  await release('install', chart, '--create-namespace', '--set-json', policyOf('/srv/one'));
  assert.ok(await exists(deploymentPath));
  assert.equal(await allowedPaths(), ['/srv/one']);
  // A new kind is served shortly after its definition was accepted.
  await is(runPath, 'there');
  await plane.client.create(runPath, {
    apiVersion: 'dockerrun.dev/v1alpha1',
    kind: 'DockerRun',
    metadata: { name: 'kept' },
    spec: { image: 'busybox' },
  });
});

test('helm upgrade changes the policy in place and restores missing parts of a CRD', async () => {
  const before = await uidOf(policyPath);
  const path = `${definitions}/dockerruns.dockerrun.dev`;
  await plane.client.merge(path, { spec: { names: { shortNames: ['old'] } } });
  await release('upgrade', chart, '--set-json', policyOf('/srv/two'), '--force-conflicts');
  assert.equal(await allowedPaths(), ['/srv/two']);
  assert.is(await uidOf(policyPath), before);
  const names = recordAt(recordAt(await plane.client.get(path), 'spec'), 'names');
  assert.equal(listAt(names, 'shortNames'), ['dr']);
});

test('helm rollback keeps a policy at every moment, and keeps every run', async () => {
  const before = await uidOf(policyPath);
  await release('rollback', '1');
  assert.is(await uidOf(policyPath), before);
  assert.ok(await exists(`${runPath}/kept`));
});

test('helm uninstall removes the controller and its RBAC, and keeps runs and policy', async () => {
  await release('uninstall', '--wait', '--timeout', '120s');
  assert.not.ok(await exists(deploymentPath));
  assert.not.ok(await exists('/apis/rbac.authorization.k8s.io/v1/clusterroles/dockerrun-controller'));
  assert.ok(await exists(`${runPath}/kept`));
  assert.ok(await exists(policyPath));
});

test('a new install adopts what an uninstall kept', async () => {
  const before = await uidOf(`${runPath}/kept`);
  await release('install', chart, '--set-json', policyOf('/srv/three'));
  assert.is(await uidOf(`${runPath}/kept`), before);
  assert.equal(await allowedPaths(), ['/srv/three']);
  await release('uninstall', '--wait', '--timeout', '120s');
});

test('kubectl apply of install.yaml does the same without Helm, any number of times', async () => {
  const apply = ['apply', '--server-side', '--force-conflicts', '--filename=deploy/install.yaml'];
  const env = { ...process.env, KUBECONFIG: plane.kubeconfig };
  const signal = AbortSignal.timeout(60_000);
  const kubectl = `${kubernetesBinaries()}/kubectl`;
  await capture(kubectl, apply, signal, { env });
  await capture(kubectl, apply, signal, { env });
  assert.ok(await exists(deploymentPath));
  assert.ok(await exists(`${runPath}/kept`));
});

test.run();
