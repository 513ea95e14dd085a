import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import * as assert from 'uvu/assert';
import { apiVersion } from '../../../src/api/names.ts';
import { checkCluster } from '../../../src/cli/doctor/cluster-checks.ts';
import { doctorCommand } from '../../../src/cli/doctor/doctor-command.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
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
  for (const { state, fix, subject } of found)
    assert.is(fix !== undefined, state === 'warning' || state === 'failed', subject);
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

test('a cluster that does not answer is one finding, and no kubeconfig is no fault', async ({ plane }) => {
  const closed = plane.kubeconfigFor(new URL('https://127.0.0.1:9'));
  assert.match((await findings(closed))['cluster'] ?? '', /^failed: https:\/\/127\.0\.0\.1:9: /);
  assert.match((await findings('/does/not/exist'))['cluster'] ?? '', /^skipped: /);
});

/** What the command prints with these variables, without a cluster. */
async function printedBy(variables: Record<string, string>): Promise<string> {
  process.env['KUBECONFIG'] = '/does/not/exist';
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const environment = { DOCKER_HOST: 'unix:///does/not/exist.sock', ...variables };
  await doctorCommand({ environment, stdin, stdout, stderr, stop: never });
  stdout.end();
  return text(stdout);
}

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
  assert.is(line, `engine     warning  The Docker Engine does not answer on ${address}: no answer in time`);
});

test('a key that Girder does not know is to be replaced, and a good one is accepted', async () => {
  const { apiUrl, apiKey } = girderEnvironment();
  const unknown = await girderFinding({ GIRDER_API_URL: apiUrl, GIRDER_API_KEY: 'x'.repeat(40) });
  assert.match(unknown, /^Girder {5}failed [^]*→ create an API key/);
  const good = await girderFinding({ GIRDER_API_URL: apiUrl, GIRDER_API_KEY: apiKey });
  assert.match(good, /^Girder {5}ok /);
});

test('the command returns 1 when something failed', async ({ plane }) => {
  process.env['KUBECONFIG'] = plane.kubeconfig;
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const environment = {
    DOCKER_HOST: 'unix:///does/not/exist.sock',
    GIRDER_API_URL: 'http://127.0.0.1:9/api/v1',
  };
  assert.is(await doctorCommand({ environment, stdin, stdout, stderr, stop: never }), 1);
  stdout.end();
  const printed = await text(stdout);
  assert.match(
    printed,
    /^operator {3}failed {3}there is no controller in the cluster\n {20}→ install the operator/m,
  );
  assert.match(printed, /^engine {5}warning {2}.*does\/not\/exist/m);
  assert.match(printed, /^Girder {5}skipped {2}set GIRDER_API_URL and GIRDER_API_KEY/m);
});

test.run();
