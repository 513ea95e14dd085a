import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { version } from '../../src/support/version.ts';
import { chart, helm } from '../fixtures/helm.ts';
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
  const dryRun = ['apply', '--server-side', '--force-conflicts', '--dry-run=server'];
  const output = await succeed('kubectl', [...dryRun, '--filename=deploy/install.yaml']);
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

test.run();
