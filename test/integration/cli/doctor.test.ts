import { writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import * as assert from 'uvu/assert';
import { apiVersion } from '../../../src/api/names.ts';
import { Given } from '../../../src/cli/arguments.ts';
import { checkCluster, type Finding } from '../../../src/cli/doctor/cluster-checks.ts';
import { doctorCommand, missingPlace } from '../../../src/cli/doctor/doctor-command.ts';
import { version } from '../../../src/support/version.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { suite } from '../../fixtures/suite.ts';
import { answer, GirderGate } from '../girder/girder-gate.ts';
import { girderEnvironment } from '../girder/real-girder.ts';

const test = suite<{ plane: ControlPlane }>('dockerrun doctor');
const never = new AbortController().signal;
const before = process.env['KUBECONFIG'];

test.before(async (context) => {
  context.plane = await startControlPlane();
});

test.after(async ({ plane }) => {
  process.env['KUBECONFIG'] = before;
  await plane.close();
});

/** What is found with this kubeconfig, by subject. */
async function findings(kubeconfig: string): Promise<Record<string, string>> {
  process.env['KUBECONFIG'] = kubeconfig;
  const found = await checkCluster(never);
  for (const { state, fix, subject } of found) assert.is(fix !== undefined, state !== 'ok', subject);
  return Object.fromEntries(found.map(({ subject, state, message }) => [subject, `${state}: ${message}`]));
}

test('a cluster without an operator lacks what it brings, and each finding says what to do', async ({
  plane,
}) => {
  const found = await findings(plane.kubeconfig);
  assert.match(found['cluster'] ?? '', /^ok: Kubernetes v1\.\d+/);
  assert.match(found['resources'] ?? '', /^ok: dockerrun\.dev\/v1alpha1 is installed/);
  assert.is(found['operator'], 'failed: there is no controller in the cluster');
  assert.match(found['nodes'] ?? '', /^failed: the Docker Engine answers on 0 of \d+ nodes/);
  assert.is(found['rights'], 'ok: you may create DockerRuns in the namespace default');
});

test('a policy of another name is none', async ({ plane }) => {
  const path = `/apis/${apiVersion}/dockerrunpolicies`;
  await plane.client.delete(`${path}/default`).catch(() => undefined);
  assert.match((await findings(plane.kubeconfig))['policy'] ?? '', /^failed: there is no DockerRunPolicy/);
  const body = { apiVersion, kind: 'DockerRunPolicy', metadata: { name: 'default' }, spec: {} };
  await plane.client.create(path, body);
  assert.match((await findings(plane.kubeconfig))['policy'] ?? '', /^ok: /);
});

const deployments = '/apis/apps/v1/namespaces/default/deployments';

/** The Deployment of a controller with these variables, as the chart makes it. */
function controllerWith(variables: Record<string, string>): unknown {
  const labels = {
    'app.kubernetes.io/part-of': 'dockerrun',
    'app.kubernetes.io/component': 'controller',
    'app.kubernetes.io/version': version,
  };
  const env = Object.entries({ DOCKERRUN_IMAGE: 'dockerrun', ...variables }).map(([name, value]) => ({
    name,
    value,
  }));
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'controller', labels },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: 'controller', image: 'dockerrun', env }] },
      },
    },
  };
}

test('an installation that needs neither a policy nor labels of nodes has no fault without them', async ({
  plane,
}) => {
  const policy = `/apis/${apiVersion}/dockerrunpolicies/default`;
  await plane.client.delete(policy).catch(() => undefined);
  const found = async (variables: Record<string, string>) => {
    await plane.client.create(deployments, controllerWith(variables));
    try {
      return await findings(plane.kubeconfig);
    } finally {
      await plane.client.delete(`${deployments}/controller`);
    }
  };
  const free = await found({ DOCKERRUN_POLICY_REQUIRED: 'false' });
  assert.match(free['policy'] ?? '', /^ok: there is no DockerRunPolicy named default, and none is required/);
  assert.match(free['nodes'] ?? '', /^skipped: .*without the node agent/);
  const bound = await found({
    DOCKERRUN_POLICY_REQUIRED: 'true',
    DOCKERRUN_NODE_AGENT_NAMESPACE: 'nodes',
  });
  assert.match(bound['policy'] ?? '', /^failed: there is no DockerRunPolicy named default, so no run starts/);
  assert.match(bound['nodes'] ?? '', /^failed: the Docker Engine answers on 0 of/);
});

test('a cluster that does not answer is one finding, and so is a kubeconfig that cannot be read', async ({
  plane,
}) => {
  const closed = plane.kubeconfigFor(new URL('https://127.0.0.1:9'));
  assert.match((await findings(closed))['cluster'] ?? '', /^failed: https:\/\/127\.0\.0\.1:9: /);
  assert.match(
    (await findings('/does/not/exist'))['cluster'] ?? '',
    /^failed: the kubeconfig cannot be used: .*\/does\/not\/exist/,
  );
});

test('no kubeconfig at all is no fault', async () => {
  const home = process.env['HOME'];
  using empty = new ScratchDirectory('doctor-home');
  process.env['HOME'] = empty.path;
  try {
    assert.is((await findings(''))['cluster'], 'skipped: there is no kubeconfig');
  } finally {
    process.env['HOME'] = home;
  }
});

/** What the command prints and returns with these variables; without `kubeconfig`, it is one that cannot be read. */
async function doctor(
  variables: Record<string, string>,
  options: Record<string, string> = {},
  kubeconfig = '/does/not/exist',
): Promise<{ printed: string; code: number }> {
  process.env['KUBECONFIG'] = kubeconfig;
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const environment = { DOCKER_HOST: 'unix:///does/not/exist.sock', ...variables };
  const given = new Given([], new Map(Object.entries(options).map(([name, value]) => [name, [value]])));
  const code = await doctorCommand(given, { environment, stdin, stdout, stderr, stop: never });
  stdout.end();
  return { printed: await text(stdout), code };
}

const printedBy = async (variables: Record<string, string>) => (await doctor(variables)).printed;

const girderFinding = async (variables: Record<string, string>) =>
  (await printedBy(variables)).replace(/^[^]*^Girder/m, 'Girder');

for (const [what, answers] of [
  ['is silent', () => undefined],
  ['closes every connection', (socket: Socket) => socket.destroy()],
  [
    'is another server',
    answer('404 Not Found', '<html><title>nginx</title></html>', 'Content-Type: text/html'),
  ],
] as const) {
  test(`a Girder that ${what} is named with its address, and the fix is not another key`, async () => {
    await using gate = await GirderGate.start(girderEnvironment().apiUrl);
    gate.setFault(answers);
    const printed = await girderFinding({ GIRDER_API_URL: gate.url, GIRDER_API_KEY: 'x'.repeat(40) });
    assert.match(printed, new RegExp(`^Girder     failed   .*${gate.url}`));
    assert.match(printed, /→ check GIRDER_API_URL/);
    assert.not.match(printed, /aborted|API key in/);
  });
}

test('an engine that is silent is named with its address, without the setting of an operator', async () => {
  await using gate = await GirderGate.start(girderEnvironment().apiUrl);
  gate.setFault(() => undefined);
  const address = gate.origin.replace('http:', 'tcp:');
  const printed = await printedBy({ DOCKER_HOST: address });
  const line = /^engine .*/m.exec(printed)?.[0];
  assert.is(line, `engine     failed   The Docker Engine does not answer on ${address}: no answer in time`);
});

test('a key that Girder does not know is to be replaced, and a good one is accepted', async () => {
  const { apiUrl, apiKey } = girderEnvironment();
  const unknown = await girderFinding({ GIRDER_API_URL: apiUrl, GIRDER_API_KEY: 'x'.repeat(40) });
  assert.match(unknown, /^Girder {5}failed [^]*→ create an API key/);
  const good = await girderFinding({ GIRDER_API_URL: apiUrl, GIRDER_API_KEY: apiKey });
  assert.match(good, /^Girder {5}ok /);
});

test('the variables of --env-file count as if they were set', async () => {
  const { apiUrl, apiKey } = girderEnvironment();
  using scratch = new ScratchDirectory('doctor');
  const file = join(scratch.path, 'girder.env');
  await writeFile(file, `GIRDER_API_URL=${apiUrl}\nGIRDER_API_KEY=${apiKey}\n`);
  const { printed } = await doctor({}, { 'env-file': file });
  assert.match(printed, /^Girder {5}ok /m);
});

test('an address that is no URL is named by its variable', async () => {
  const printed = await girderFinding({ GIRDER_API_URL: 'girder', GIRDER_API_KEY: 'x'.repeat(40) });
  assert.match(printed, /^Girder {5}failed {3}GIRDER_API_URL /);
});

test('the command returns 1 for what was named and does not work', async () => {
  const { printed, code } = await doctor({ GIRDER_API_URL: 'http://127.0.0.1:9/api/v1' });
  assert.is(code, 1);
  assert.match(printed, /^cluster {4}failed {3}.*does\/not\/exist.*\n {20}→ set KUBECONFIG/m);
  assert.match(printed, /^engine {5}failed {3}.*does\/not\/exist.*\n {20}→ Check that Docker is running/m);
  assert.match(
    printed,
    /^Girder {5}skipped {2}neither GIRDER_API_KEY nor GIRDER_TOKEN is set\n {20}→ set GIRDER_API_URL and GIRDER_API_KEY or GIRDER_TOKEN/m,
  );
});

test('the command returns 1 when something failed in the cluster, and says what to do', async ({ plane }) => {
  const { printed, code } = await doctor({}, {}, plane.kubeconfig);
  assert.is(code, 1);
  assert.match(
    printed,
    /^operator {3}failed {3}there is no controller in the cluster\n {20}→ install the operator/m,
  );
});

test('with neither a cluster nor an engine nothing can run', () => {
  const absent = (subject: string): Finding => ({ subject, state: 'skipped', message: 'none' });
  assert.match(missingPlace([absent('cluster'), absent('engine')])[0]?.message ?? '', /neither/);
  const engine: Finding = { subject: 'engine', state: 'ok', message: 'it answers' };
  assert.equal(missingPlace([absent('cluster'), engine]), []);
});

test.run();
