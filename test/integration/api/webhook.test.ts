import { X509Certificate } from 'node:crypto';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { failureReasons, isFailureReason } from '../../../src/api/reasons.ts';
import { apiVersion, kind, policyKind } from '../../../src/api/names.ts';
import { lifetime, makeCertificate } from '../../../src/controller/admission/webhook-certificate.ts';
import { listAt, recordAt, textAt } from '../../../src/kube/json.ts';
import { paths } from '../../../src/kube/paths.ts';
import { remedyAtApply } from '../../../src/support/errors.ts';
import { contradictorySpecs, webhookConfiguration } from '../../fixtures/admission-reviews.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { freePorts } from '../../fixtures/free-ports.ts';
import { led, runPath } from '../../fixtures/replicas.ts';
import { Scrape } from '../../fixtures/scrape.ts';
import { until } from '../../fixtures/until.ts';
import { execute } from '../../e2e/support/shell.ts';

/** The admission webhook of two replicas, as a real API server calls it. */

type Replica = {
  readonly controller: ControllerProcess;
  readonly port: number;
  readonly metricsPort: number;
};
type World = { plane: ControlPlane; replicas: Replica[]; follower: Replica };
const test = suite<World>('admission webhook');

const name = 'dockerrun-controller-webhook';
const secretPath = `${paths.secrets('default')}/${name}`;
const configurationPath = `${paths.webhookConfigurations()}/${name}`;
/** The controller looks every 10 s. */
const noticedMs = 40_000;

async function startReplica(plane: ControlPlane): Promise<Replica> {
  const [port = 0, metricsPort = 0] = await freePorts(2);
  const controller = await ControllerProcess.start(plane.kubeconfig, {
    DOCKERRUN_WEBHOOK_PORT: String(port),
    DOCKERRUN_METRICS_PORT: String(metricsPort),
    DOCKERRUN_POLICY_REQUIRED: 'true',
  });
  return { controller, port, metricsPort };
}

const run = (runName: string, spec: object) => ({
  ...{ apiVersion, kind, metadata: { name: runName, namespace: 'default' } },
  spec: { image: 'busybox', ...spec },
});
const policy = (spec: object) => ({ apiVersion, kind: policyKind, metadata: { name: 'default' }, spec });

/** With a spec of 90 KB, more than the 128 KiB of one environment variable. */
const longLabels = Object.fromEntries(
  Array.from({ length: 60 }, (_, index) => [`l${index}`, 'x'.repeat(1_000)]),
);

/** The error output of kubectl; empty when the object was accepted. */
async function applied({ plane }: World, object: object, ...more: string[]): Promise<string> {
  const args = ['--kubeconfig', plane.kubeconfig, 'apply', '-f', '-', ...more];
  const { code, stderr } = await execute('kubectl', args, { input: JSON.stringify(object) });
  return code === 0 ? '' : stderr;
}

const caBundle = (object: unknown) =>
  Buffer.from(
    textAt(recordAt(listAt(object, 'webhooks')[0], 'clientConfig'), 'caBundle') ?? '',
    'base64',
  ).toString();
const inSecret = (secret: unknown, key: string) =>
  Buffer.from(textAt(recordAt(secret, 'data'), key) ?? '', 'base64').toString();

/** Waits until the API server can ask: a name that nobody declared is refused. */
async function asks(world: World): Promise<void> {
  const refused = () => applied(world, run('probe', { args: ['$(nosuch)'] }), '--dry-run=server');
  await until('the webhook is asked', refused, {
    ...{ holds: (message) => message.includes('nosuch'), withinMs: noticedMs, everyMs: 250 },
  });
}

/** Deletes the configuration of the webhook and adds it again. */
async function register({ plane }: World, port: number, failurePolicy: 'Ignore' | 'Fail'): Promise<void> {
  await plane.client.delete(configurationPath).catch(() => undefined);
  await plane.client.create(
    paths.webhookConfigurations(),
    webhookConfiguration({ name, port, failurePolicy }),
  );
}

test.before(async (world) => {
  world.plane = await startControlPlane();
  const { client } = world.plane;
  await client.create(
    paths.policies(),
    policy({ hostPaths: [{ pathPrefix: '/srv' }], dockerDefaults: { labels: longLabels } }),
  );
  world.replicas = [await startReplica(world.plane), await startReplica(world.plane)];
  const controllers = world.replicas.map(({ controller }) => controller);
  const [leader] = await led(client, controllers);
  const [follower] = world.replicas.filter(({ controller }) => controller !== leader);
  assert.ok(follower !== undefined);
  world.follower = follower;
  await register(world, follower.port, 'Fail');
  await asks(world);
});
test.after(async ({ plane, replicas }) => {
  for (const { controller } of replicas) await controller[Symbol.asyncDispose]();
  await plane.close();
});

test('kubectl apply and its dry run show the sentence with which the controller ends the run', async (world) => {
  const { plane, follower } = world;
  const { client } = plane;
  const refusals = new Map<string, string>();
  const specs = {
    ...contradictorySpecs,
    'a host path': { dockerVolumes: { '/etc': { bind: '/d' } } },
    'more than its worker can receive': { args: Array.from({ length: 9 }, () => 'y'.repeat(10_000)) },
  };
  const named = Object.entries(specs).map(([what, spec], index) => ({ what, name: `bad-${index}`, spec }));
  for (const { what, name: runName, spec } of named) {
    const refusal = await applied(world, run(runName, spec));
    assert.match(refusal, 'admission webhook "admission.dockerrun.dev" denied the request', what);
    const dry = await applied(world, run(runName, spec), '--dry-run=server');
    assert.is(dry, refusal, what);
    refusals.set(runName, refusal);
  }
  const counted = await Scrape.of(follower.metricsPort);
  assert.ok((counted.value('dockerrun_webhook_requests_total{verdict="refused"}') ?? 0) >= named.length);
  // The same runs, stored while there is no webhook.
  await client.delete(configurationPath);
  const isStored = () => applied(world, run('bad-0', named[0]?.spec ?? {}));
  await until('a run is stored', isStored, { holds: (message) => message === '', withinMs: 20_000 });
  for (const { name: runName, spec } of named) assert.is(await applied(world, run(runName, spec)), '');
  for (const { what, name: runName } of named) {
    const ended = await client.until(runPath(runName), 'ended', {
      holds: (object) => textAt(recordAt(object, 'status'), 'phase') === 'Failed',
    });
    const message = textAt(recordAt(ended, 'status'), 'message') ?? 'none';
    // Only the advice differs: nothing was stored then, and a run that was stored needs a new name.
    const reason = textAt(recordAt(ended, 'status'), 'reason') ?? '';
    assert.ok(isFailureReason(reason), reason);
    const statement = message.slice(0, -failureReasons[reason].remedy.length);
    const sentence = `${statement}${remedyAtApply(reason)}\n`;
    assert.ok(
      refusals.get(runName)?.endsWith(sentence),
      `${what}: ${refusals.get(runName)} lacks ${sentence}`,
    );
  }
  await register(world, follower.port, 'Fail');
  await asks(world);
});

test('a refused run that was stored before can be labelled, cancelled and deleted', async (world) => {
  const { client } = world.plane;
  await client.merge(runPath('bad-0'), { metadata: { labels: { team: 'a' }, finalizers: ['a.example/b'] } });
  await client.delete(runPath('bad-0'));
  const leaving = await client.get(runPath('bad-0'));
  assert.ok(textAt(recordAt(leaving, 'metadata'), 'deletionTimestamp') !== undefined);
  await client.merge(runPath('bad-0'), { metadata: { finalizers: null } });
  await until(
    'the run is gone',
    () =>
      client.get(runPath('bad-0')).then(
        () => 'there',
        () => 'gone',
      ),
    {
      holds: (state) => state === 'gone',
    },
  );
});

test('a change of the policy counts for the next apply, and a policy that is invalid is refused', async (world) => {
  const { client } = world.plane;
  const path = `${paths.policies()}/default`;
  await client.merge(path, { spec: { images: ['registry.example.org/'] } });
  const dry = () => applied(world, run('image', {}), '--dry-run=server');
  await until('the image is refused', dry, {
    holds: (message) => message.includes('the policy does not allow docker.io/library/busybox'),
  });
  await client.merge(path, { spec: { images: null } });
  await until('the image is allowed', dry, { holds: (message) => message === '' });
  const started = { ...run('started', {}) };
  assert.is(await applied(world, started), '');
  await client.until(runPath('started'), 'started', {
    holds: (object) => textAt(recordAt(object, 'status'), 'jobName') !== undefined,
  });
  await client.merge(path, { spec: { images: ['registry.example.org/'] } });
  await until('the image is refused', dry, {
    holds: (message) => message.includes('the policy does not allow docker.io/library/busybox'),
  });
  // A run that continues is not judged again.
  await client.merge(runPath('started'), { spec: { cancel: true } });
  await client.merge(path, { spec: { images: null } });
});

test('a deleted, an unreadable and an expired Secret are replaced, and the webhook works again', async (world) => {
  const { client } = world.plane;
  const harms: Record<string, () => Promise<unknown>> = {
    deleted: () => client.delete(secretPath),
    garbage: () => client.merge(secretPath, { data: { 'tls.crt': 'Z2FyYmFnZQ==', 'ca.crt': 'eA==' } }),
    expired: () => {
      const pair = makeCertificate('localhost', new Date(Date.now() - lifetime.validMs - 3_600_000));
      const base64 = (text: string) => Buffer.from(text).toString('base64');
      const data = { 'tls.crt': base64(pair.cert), 'tls.key': base64(pair.key), 'ca.crt': base64(pair.ca) };
      return client.merge(secretPath, { data });
    },
  };
  for (const [what, harm] of Object.entries(harms)) {
    const before = inSecret(await client.get(secretPath), 'tls.crt');
    await harm();
    const made = await client.until(secretPath, `replaced after it was ${what}`, {
      withinMs: noticedMs,
      holds: (secret) => {
        const cert = inSecret(secret, 'tls.crt');
        if (cert === before || !cert.startsWith('-----BEGIN')) return false;
        return new X509Certificate(cert).validToDate > new Date();
      },
    });
    // Both replicas serve it, and the API server trusts it.
    const expiry = new X509Certificate(inSecret(made, 'tls.crt')).validToDate.getTime() / 1000;
    for (const { metricsPort } of world.replicas) {
      await Scrape.until(metricsPort, `the new certificate is loaded, ${what}`, {
        withinMs: noticedMs,
        holds: (scrape) => scrape.value('dockerrun_webhook_certificate_expiry_timestamp_seconds') === expiry,
      });
    }
    await client.until(configurationPath, 'of the new authority', {
      withinMs: noticedMs,
      holds: (object) => caBundle(object) === inSecret(made, 'ca.crt'),
    });
    await asks(world);
  }
});

test('a certificate that ends soon is replaced without a moment in which the webhook cannot be asked', async (world) => {
  const { client } = world.plane;
  // 20 of 90 days are left.
  const old = makeCertificate('localhost', new Date(Date.now() - 70 * 24 * 3_600_000));
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const data = { 'tls.crt': base64(old.cert), 'tls.key': base64(old.key), 'ca.crt': base64(old.ca) };
  await client.merge(secretPath, { data });
  const made = await client.until(secretPath, 'renewed', {
    withinMs: noticedMs,
    holds: (secret) => inSecret(secret, 'tls.crt') !== old.cert,
  });
  // The replica that has not looked yet still serves the certificate of the authority before.
  assert.ok(inSecret(made, 'ca.crt').includes(old.ca.trim()));
  assert.is(inSecret(made, 'ca.crt').match(/BEGIN CERTIFICATE/g)?.length, 2);
  await asks(world);
});

test('a bundle that somebody removes from the configuration is written again', async (world) => {
  const { client } = world.plane;
  await register(world, world.follower.port, 'Fail');
  await client.until(configurationPath, 'trusted again', {
    withinMs: noticedMs,
    holds: (object) => caBundle(object).includes('BEGIN CERTIFICATE'),
  });
  await asks(world);
});

test('without a controller an object is stored, and a restarted one reads the Secret that is there', async (world) => {
  const { client } = world.plane;
  await register(world, world.follower.port, 'Ignore');
  await asks(world);
  const before = inSecret(await client.get(secretPath), 'tls.crt');
  for (const { controller } of world.replicas) await controller.stop();
  assert.is(await applied(world, run('unseen', { args: ['$(nosuch)'] })), '');
  world.replicas = [await startReplica(world.plane)];
  const ended = await client.until(runPath('unseen'), 'refused', {
    holds: (object) => textAt(recordAt(object, 'status'), 'reason') === 'InvalidSpec',
  });
  assert.match(textAt(recordAt(ended, 'status'), 'message') ?? '', /\$\(nosuch\)/);
  assert.is(inSecret(await client.get(secretPath), 'tls.crt'), before);
});

test.run();
