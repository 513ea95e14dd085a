import { existsSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { recordAt, textAt } from '../../../src/kube/json.ts';
import { execute, type Finished } from '../../e2e/support/shell.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { helmProgram } from '../../fixtures/helm.ts';
import { pageBlock } from '../../fixtures/page-blocks.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { test } from '../../fixtures/suite.ts';
import { until } from '../../fixtures/until.ts';

/**
 * The commands with which the pages install the operator, on a real API server. No pod starts there, so that nothing
 * waits for pods: `--wait` and `helm test` are left out.
 */

let plane: ControlPlane;
const directory = new ScratchDirectory('installation');

test.before(async () => {
  plane = await startControlPlane();
  for (const path of ['deploy', 'crds']) symlinkSync(resolve(path), join(directory.path, path));
  writeFileSync(join(directory.path, 'ca.crt'), plane.files.tls.cert);
});
test.after(async () => {
  await plane.close();
  directory[Symbol.dispose]();
});

function shell(commands: string): Promise<Finished> {
  const own = commands.replaceAll(/ --wait\b/g, '').replaceAll(/^helm test .*$/gm, '');
  const path = `PATH='${dirname(helmProgram)}':"$PATH"`;
  // kubectl and Helm remember the kinds of a server for hours, in the same place.
  const cache = `KUBECACHEDIR='${join(directory.path, 'cache')}'`;
  const env = `export KUBECONFIG='${plane.kubeconfig}' PASSWORD=hare5 ${cache} ${path}`;
  return execute('bash', ['-euo', 'pipefail', '-c', `${env}\n${own}`], {
    cwd: directory.path,
    seconds: 150,
  });
}

/** The standard output of commands that must succeed. */
async function output(commands: string): Promise<string> {
  const { code, stdout, stderr } = await shell(commands);
  assert.is(code, 0, `${commands}\n${stdout.toString()}${stderr}`);
  return stdout.toString();
}

/** Upgrades the release by values that a page shows. */
function upgradeBy(values: string): Promise<string> {
  writeFileSync(join(directory.path, 'shown.yaml'), values);
  const command =
    'helm upgrade dockerrun deploy/chart --namespace dockerrun-system --reset-then-reuse-values';
  return output(`${command} --values shown.yaml`);
}

const controller = () =>
  output('kubectl --namespace dockerrun-system get deployment dockerrun-controller -o yaml');

const removeDefinitions = () =>
  output(pageBlock('docs/operations.md', 'kubectl delete customresourcedefinition'));

test('the targets of make that the pages name exist', async () => {
  const made = [
    pageBlock('README.md', 'make demo'),
    pageBlock('docs/install.md', 'make image'),
    pageBlock('docs/releases.md', 'make release VERSION='),
  ];
  const dry = made
    .join('')
    .replaceAll(/\bmake /g, 'make --dry-run ')
    .replaceAll(/&& docker push \S+/g, '');
  const { code, stderr } = await execute('bash', ['-euc', dry]);
  assert.is(code, 0, stderr);
});

test('the README installs the operator, and what stays after an uninstall is removed as the page says', async () => {
  await removeDefinitions();
  const [make = '', ...lines] = pageBlock('README.md', 'make image').split('\n');
  assert.match(make, /^make image IMAGE=registry\.example\.org\/dockerrun:\S+ && docker push registry/);
  const own = lines.join('\n').replaceAll('dockerrun-system', 'dockerrun-readme');
  await output(own);
  const image = "-o jsonpath='{.spec.template.spec.containers[0].image}'";
  const get = `kubectl --namespace dockerrun-readme get deployment dockerrun-controller ${image}`;
  assert.is(await output(get), /IMAGE=(\S+)/.exec(make)?.[1]);
  await output('helm uninstall dockerrun --namespace dockerrun-readme');
  assert.match(await output('kubectl get dockerrunpolicies'), /^default /m);
  await removeDefinitions();
  writeFileSync(join(directory.path, 'run.yaml'), pageBlock('README.md', 'metadata: { name: segment }'));
  // The API server lists a kind for a moment after its definition is gone.
  const apply = () => shell('rm -rf "$KUBECACHEDIR" && kubectl apply -f run.yaml');
  const { code } = await until('the kind is unknown', apply, {
    ...{ withinMs: 60_000, everyMs: 500 },
    holds: ({ stderr }) => stderr.includes('no matches for kind "DockerRun"'),
  });
  assert.is(code, 1);
});

test('the page about namespaces makes one for the controller', async () => {
  const own = pageBlock('docs/namespaces.md', 'create namespace dockerrun-system');
  await output(own.replaceAll('dockerrun-system', 'dockerrun-own'));
  assert.match(await output('kubectl get namespace dockerrun-own --show-labels'), /enforce=restricted/);
});

test('the chart takes the values of the page, and certificates and a proxy with an upgrade', async () => {
  const values = pageBlock('docs/install.md', '# values.yaml');
  writeFileSync(join(directory.path, 'values.yaml'), values);
  await output(pageBlock('docs/install.md', 'helm upgrade --install'));
  const installed = await controller();
  const { image, dockerSocket, kubeletRoot } = parse(values) as Record<string, unknown>;
  for (const value of [textAt({ image }, 'image') ?? textAt(image, 'repository'), dockerSocket, kubeletRoot])
    assert.match(installed, String(value));
  await output(pageBlock('docs/install.md', 'worker.caBundle=ca.crt'));
  const upgraded = await controller();
  assert.match(upgraded, 'http://proxy.example.org:3128');
  assert.match(upgraded, '.cluster.local,10.0.0.0/8');
  assert.match(upgraded, String(kubeletRoot));
});

test('the controller traces after the command of the page', async () => {
  await output(pageBlock('docs/tracing.md', 'otlp.endpoint='));
  assert.match(
    await controller(),
    /OTEL_EXPORTER_OTLP_ENDPOINT[^]{0,40}http:\/\/collector\.observability:4318/,
  );
});

test('a namespace of runs, its NetworkPolicies and its role are as the page says', async () => {
  writeFileSync(
    join(directory.path, 'namespace.yaml'),
    pageBlock('docs/namespaces.md', 'pod-security.kubernetes.io/audit'),
  );
  await output('kubectl apply --validate=strict -f namespace.yaml');
  await upgradeBy(pageBlock('docs/namespaces.md', 'workerNamespaces:'));
  assert.match(await output('kubectl --namespace imaging get networkpolicies'), /^dockerrun-workers /m);
  await output(pageBlock('docs/namespaces.md', 'create rolebinding run-makers'));
  const asked = await shell(pageBlock('docs/namespaces.md', 'auth can-i'));
  assert.equal([asked.code, asked.stdout.toString()], [1, 'no\n'], asked.stderr);
});

test('the bridge is set up with the commands and the values of its page', async () => {
  await output(pageBlock('docs/bridge.md', 'create namespace lab'));
  await output(pageBlock('docs/bridge.md', 'create secret generic girder-broker'));
  const secret: unknown = JSON.parse(
    await output('kubectl --namespace dockerrun-system get secret girder-broker -o json'),
  );
  const url = Buffer.from(textAt(recordAt(secret, 'data'), 'url') ?? '', 'base64').toString();
  assert.is(new URL(url).password, 'hare5');
  assert.match(url, /:5672\/\/$/);
  await upgradeBy(pageBlock('docs/bridge.md', 'broker: { secretName: girder-broker }'));
  const bridge = await output('kubectl --namespace dockerrun-system get deployment dockerrun-bridge -o yaml');
  assert.match(bridge, 'girder-broker');
  assert.is(await output(pageBlock('docs/bridge.md', 'kubectl --namespace lab get dockerruns')), '');
});

test('the API server accepts the policy of the page, with no unknown field', async () => {
  writeFileSync(join(directory.path, 'policy.yaml'), pageBlock('docs/policy.md', 'kind: DockerRunPolicy'));
  await output('kubectl apply --server-side --force-conflicts --validate=strict -f policy.yaml');
});

test('Argo CD ignores a field of an object that the chart makes', async () => {
  const [{ kind, name }] = (
    parse(pageBlock('docs/gitops.md', 'ignoreDifferences:')) as {
      ignoreDifferences: [{ kind: string; name: string }];
    }
  ).ignoreDifferences;
  assert.match(await output(`kubectl get ${kind} ${name} -o yaml`), /clientConfig:/);
});

test('the settings of an editor name a schema of the package', () => {
  const settings = JSON.parse(pageBlock('docs/writing-manifests.md', 'yaml.schemas')) as Record<
    string,
    object
  >;
  const [path = ''] = Object.keys(settings['yaml.schemas'] ?? {});
  assert.ok(path.startsWith('./node_modules/dockerrun/schemas/'), path);
  assert.ok(existsSync(path.replace('./node_modules/dockerrun/', '')), path);
});

test.run();
