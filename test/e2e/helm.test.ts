import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from '../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { version } from '../../src/support/version.ts';
import { chart, helm } from '../fixtures/helm.ts';
import { pageBlock } from '../fixtures/page-blocks.ts';
import { Registry } from '../fixtures/registry.ts';
import { ScratchDirectory } from '../fixtures/scratch-directory.ts';
import { Lab, untilReleased } from './support/runs.ts';
import { execute, succeed } from './support/shell.ts';

const namespace = 'dockerrun-system';
const fixed = ['dockerrun', '--namespace', namespace];

let lab: Lab;
test.before(async () => {
  lab = await Lab.open('helm');
});
test.after(() => lab.close());

/** The value at a JSONPath of the controller's Deployment. */
async function controller(path: string): Promise<string> {
  return succeed('kubectl', [
    ...['--namespace', namespace, 'get', 'deployment', 'dockerrun-controller'],
    ...['--output', `jsonpath=${path}`],
  ]);
}

/** Waits until both controllers are ready: an earlier test may have replaced one. */
async function bothReady(): Promise<void> {
  const readyReplicas = ['--for=jsonpath={.status.readyReplicas}=2', '--timeout=90s'];
  const wait = ['--namespace', namespace, 'wait', 'deployment/dockerrun-controller', ...readyReplicas];
  await succeed('kubectl', wait, { seconds: 100 });
}

test('the controller is installed with Helm, and helm test succeeds', async () => {
  const output = await helm(['test', ...fixed, '--timeout', '90s']);
  assert.match(output, /Phase: +Succeeded/);
});

test('the namespace of the controller enforces the restricted Pod Security level, and its own pods run', async () => {
  const labels = await succeed('kubectl', [
    'get',
    'namespace',
    namespace,
    '--output=jsonpath={.metadata.labels}',
  ]);
  assert.match(labels, /"pod-security.kubernetes.io\/enforce":"restricted"/);
  await bothReady();
  const loose = ['run', 'loose', '--image=busybox:local', '--dry-run=server'];
  const { code, stderr } = await execute('kubectl', ['--namespace', namespace, ...loose]);
  assert.is.not(code, 0);
  assert.match(stderr, /violates PodSecurity "restricted/);
});

test('install.yaml can be applied to a real cluster', async () => {
  const command = pageBlock('docs/install.md', 'deploy/install.yaml | kubectl apply').trimEnd();
  const output = await succeed('bash', ['-euc', `${command} --force-conflicts --dry-run=server`]);
  assert.match(output, /deployment.apps\/dockerrun-controller serverside-applied/);
});

test('the program in the image prints its version and its commit', async () => {
  const output = await succeed('docker', ['run', '--rm', 'dockerrun:dev', '--version']);
  assert.match(output, new RegExp(`^dockerrun ${version} \\([0-9a-f]{40}(-dirty)?\\)\n$`));
});

test('the image has labels for version, revision and license, and does not run as root', async () => {
  const format = '{{ json .Config.Labels }} {{ .Config.User }}';
  const output = await succeed('docker', ['image', 'inspect', '--format', format, 'dockerrun:dev']);
  assert.ok(output.includes(`"org.opencontainers.image.version":"${version}"`));
  assert.match(output, /"org.opencontainers.image.revision":"[0-9a-f]{40}/);
  assert.match(output, /"org.opencontainers.image.licenses":"Apache-2.0"/);
  assert.match(output, / 65532:65532\n$/);
});

test('an upgrade with Helm and its rollback do not disturb a run in progress', async () => {
  await lab.run('through', { command: ['sh', '-c', `echo once; ${untilReleased}`] });
  await lab.running('through');
  const patience = ['--wait', '--timeout', '120s'];
  const annotation = ['--reuse-values', '--set', 'podAnnotations.upgraded=yes'];
  await helm(['upgrade', ...fixed, chart, ...annotation, ...patience, '--force-conflicts']);
  assert.is(await controller('{.spec.template.metadata.annotations.upgraded}'), 'yes');
  await helm(['rollback', ...fixed, ...patience]);
  assert.is(await controller('{.spec.template.metadata.annotations.upgraded}'), '');
  assert.is(await controller('{.status.readyReplicas}'), '2');
  await lab.release('through');
  const status = await lab.ended('through');
  assert.is(status.phase, 'Succeeded', status.message);
  assert.is(status.attempts, 1);
  assert.is((await lab.log('through')).toString(), 'once\n');
});

test('the image of the operator may be in a private registry, with a Secret in each namespace of runs', async () => {
  await using stack = new AsyncDisposableStack();
  const registry = stack.use(await Registry.start());
  const image = `${registry.host}/lab/dockerrun`;
  const config = stack.use(new ScratchDirectory('docker-config'));
  await writeFile(join(config.path, 'config.json'), registry.dockerConfig());
  await succeed('docker', ['tag', 'dockerrun:dev', `${image}:dev`]);
  stack.defer(async () => void (await succeed('docker', ['image', 'rm', `${image}:dev`])));
  await succeed('docker', ['--config', config.path, 'push', '--quiet', `${image}:dev`], { seconds: 120 });
  for (const own of [namespace, `${namespace}-nodes`]) {
    await pullSecret(own, registry);
    const deletion = ['--namespace', own, 'delete', 'secret', 'private', '--ignore-not-found'];
    stack.defer(async () => void (await succeed('kubectl', deletion)));
  }
  const patience = ['--wait', '--timeout', '120s'];
  const pulled = [
    ...['--set', `image.repository=${image}`, '--set', 'worker.image.pullPolicy=Always'],
    ...['--set', 'imagePullSecrets[0].name=private', '--set', 'worker.imagePullSecrets[0].name=private'],
  ];
  stack.defer(async () => void (await helm(['rollback', ...fixed, ...patience])));
  await helm(['upgrade', ...fixed, chart, '--reuse-values', ...pulled, ...patience, '--force-conflicts']);
  await lab.run('pulled', { command: ['true'] });
  const refused = await lab.until('pulled', 'waits for the image of its worker', {
    holds: ({ status }) => status.message?.includes(image) === true,
  });
  assert.is(refused.status.phase, 'Pending');
  assert.match(refused.status.message ?? '', 'worker.imagePullSecrets');
  await pullSecret(lab.namespace, registry);
  const status = await lab.ended('pulled');
  assert.is(status.phase, 'Succeeded', status.message);
});

async function pullSecret(inNamespace: string, registry: Registry): Promise<void> {
  const secret = {
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'private' } },
    type: 'kubernetes.io/dockerconfigjson',
    stringData: { '.dockerconfigjson': registry.dockerConfig() },
  };
  await succeed('kubectl', ['--namespace', inNamespace, 'apply', '-f', '-'], {
    input: JSON.stringify(secret),
  });
}

test.run();
