import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { apiVersion, kind } from '../../../src/api/names.ts';
import { listAt, recordAt, textAt } from '../../../src/kube/json.ts';
import { paths } from '../../../src/kube/paths.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { chart, helm } from '../../fixtures/helm.ts';
import { execute } from '../../e2e/support/shell.ts';

/** The webhook's configuration in the life of a release, in a cluster where no controller ever answers. */

const test = suite<{ plane: ControlPlane }>('releases with a webhook');

const release = ['dockerrun', '--namespace', 'dockerrun-system'];
const name = 'dockerrun-controller-webhook';
const configurationPath = `${paths.webhookConfigurations()}/${name}`;

test.before(async (world) => {
  world.plane = await startControlPlane();
});
test.after(({ plane }) => plane.close());

const inRelease = ({ kubeconfig }: ControlPlane, ...args: string[]) => helm(args, { KUBECONFIG: kubeconfig });

/** The error output of `kubectl apply` of a run; empty when it was stored. */
async function applied({ kubeconfig }: ControlPlane, run: string): Promise<string> {
  const object = {
    apiVersion,
    kind,
    metadata: { name: run, namespace: 'default' },
    spec: { image: 'busybox' },
  };
  const args = ['--kubeconfig', kubeconfig, 'apply', '-f', '-'];
  const { code, stderr } = await execute('kubectl', args, { input: JSON.stringify(object) });
  return code === 0 ? '' : stderr;
}

async function configuration({ client }: ControlPlane): Promise<unknown> {
  const all = await client.list(paths.webhookConfigurations());
  return all.find((one) => textAt(recordAt(one, 'metadata'), 'name') === name);
}

const bundleOf = (object: unknown) =>
  textAt(recordAt(listAt(object, 'webhooks')[0], 'clientConfig'), 'caBundle');

test('an installation whose controller does not answer keeps nobody from applying runs', async ({
  plane,
}) => {
  const create = ['--create-namespace', '--set', 'crds.install=false'];
  await inRelease(plane, 'install', ...release, chart, ...create);
  assert.ok((await configuration(plane)) !== undefined);
  assert.is(await applied(plane, 'unanswered'), '');
});

test('an upgrade keeps the authority that the operator wrote', async ({ plane }) => {
  const before = await configuration(plane);
  const [webhook] = listAt(before, 'webhooks');
  const caBundle = Buffer.from(plane.files.tls.cert).toString('base64');
  const webhooks = [
    { ...recordAt({ webhook }, 'webhook'), clientConfig: { ...recordAt(webhook, 'clientConfig'), caBundle } },
  ];
  await plane.client.merge(configurationPath, { webhooks });
  await inRelease(
    plane,
    'upgrade',
    ...release,
    chart,
    '--reuse-values',
    '--set',
    'podAnnotations.upgraded=yes',
  );
  assert.is(bundleOf(await configuration(plane)), caBundle);
  assert.is(await applied(plane, 'upgraded'), '');
});

test('an upgrade without the webhook removes its configuration, and a rollback brings one that blocks nobody', async ({
  plane,
}) => {
  await inRelease(plane, 'upgrade', ...release, chart, '--reuse-values', '--set', 'webhook.enabled=false');
  assert.is(await configuration(plane), undefined);
  assert.is(await applied(plane, 'off'), '');
  await inRelease(plane, 'rollback', ...release);
  assert.ok((await configuration(plane)) !== undefined);
  assert.is(await applied(plane, 'rolled-back'), '');
});

test('a rollback to a release without the webhook removes its configuration', async ({ plane }) => {
  await inRelease(plane, 'rollback', ...release, '3');
  assert.is(await configuration(plane), undefined);
  assert.is(await applied(plane, 'rolled-back-further'), '');
  await inRelease(plane, 'rollback', ...release);
});

test('a configuration whose Service somebody deleted blocks nobody', async ({ plane }) => {
  assert.ok((await configuration(plane)) !== undefined);
  await plane.client.delete('/api/v1/namespaces/dockerrun-system/services/dockerrun-controller');
  assert.is(await applied(plane, 'orphaned'), '');
});

test('an uninstalled release leaves no configuration', async ({ plane }) => {
  await inRelease(plane, 'uninstall', ...release);
  const left = await plane.client.list(paths.webhookConfigurations());
  assert.equal(
    left.map((one) => textAt(recordAt(one, 'metadata'), 'name')),
    [],
  );
  assert.is(await applied(plane, 'uninstalled'), '');
});

test.run();
