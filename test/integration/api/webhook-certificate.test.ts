import { once } from 'node:events';
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { pino } from 'pino';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { apiVersion, kind } from '../../../src/api/names.ts';
import { AdmissionServer } from '../../../src/controller/admission/admission-server.ts';
import {
  type CertificatePair,
  certificateSecret,
  keepCertificate,
  makeCertificate,
} from '../../../src/controller/admission/webhook-certificate.ts';
import { paths } from '../../../src/kube/paths.ts';
import { webhookConfiguration } from '../../fixtures/admission-reviews.ts';
import { workerConfig } from '../../fixtures/builders.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { freePorts } from '../../fixtures/free-ports.ts';
import { Scrape } from '../../fixtures/scrape.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { until } from '../../fixtures/until.ts';
import { execute } from '../../e2e/support/shell.ts';

/** The certificate of the admission webhook while it changes, as the API server and other clients see it. */

type World = { plane: ControlPlane };
const test = suite<World>('certificate of the webhook');

const name = 'dockerrun-controller-webhook';
const configurationPath = `${paths.webhookConfigurations()}/${name}`;
/** The controller looks every 10 s. */
const noticedMs = 40_000;

test.before(async (world) => {
  world.plane = await startControlPlane();
});
test.after(({ plane }) => plane.close());
test.after.each(({ plane }) => plane.client.delete(configurationPath).catch(() => undefined));

/** What kubectl prints about a run that the webhook refuses; other text when the webhook could not be asked. */
async function asked({ kubeconfig }: ControlPlane): Promise<string> {
  const args = ['--kubeconfig', kubeconfig, 'apply', '--dry-run=server', '-f', '-'];
  const spec = { image: 'busybox', args: ['$(nosuch)'] };
  const run = { apiVersion, kind, metadata: { name: 'probe', namespace: 'default' }, spec };
  return (await execute('kubectl', args, { input: JSON.stringify(run) })).stderr;
}

const isRefused = (message: string) => /denied the request: .*nosuch/.test(message);

/** The serial number of the certificate that a client gets that trusts `ca`; or why there is none. */
async function served(port: number, ca: string): Promise<string> {
  const socket = connect({ port, host: 'localhost', ca });
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.timeout(5_000) });
    return socket.getPeerCertificate().serialNumber;
  } catch (error) {
    return String(error);
  } finally {
    socket.destroy();
  }
}

test('OpenSSL accepts the certificate in its strict mode, for the host and for nothing else', async () => {
  const host = 'dockerrun-controller.dockerrun-system.svc';
  const { ca, cert } = makeCertificate(host, new Date());
  using files = new ScratchDirectory('dockerrun-webhook');
  const [caFile, certFile] = [join(files.path, 'ca.crt'), join(files.path, 'tls.crt')];
  writeFileSync(caFile, ca);
  writeFileSync(certFile, cert);
  const verified = async (purpose: string, name: string) => {
    const args = ['verify', '-x509_strict', '-purpose', purpose, '-verify_hostname', name, '-CAfile', caFile];
    return (await execute('openssl', [...args, certFile])).code;
  };
  assert.is(await verified('sslserver', host), 0);
  assert.is.not(await verified('sslserver', 'other.svc'), 0);
  assert.is.not(await verified('sslclient', host), 0);
});

test('a certificate with a short life is renewed again and again, and each review is answered meanwhile', async ({
  plane,
}) => {
  const log = pino({ level: 'silent' });
  const server = new AdmissionServer({
    rules: { policyIn: () => ({}), worker: workerConfig },
    isReady: () => true,
    onVerdict: () => undefined,
    log,
  });
  const port = await server.listen(0);
  await plane.client.create(
    paths.webhookConfigurations(),
    webhookConfiguration({ name, port, failurePolicy: 'Fail' }),
  );
  const ends: number[] = [];
  const stop = new AbortController();
  const keeping = keepCertificate(
    {
      source: certificateSecret({
        ...{ connection: plane.connect(), name, host: 'localhost', log },
        lifetime: { validMs: 20_000, renewBeforeMs: 14_000 },
      }),
      use: (pair) => server.useCertificate(pair),
      onExpiry: (to) => ends.push(to.getTime()),
      onFirst: () => undefined,
      log,
      everyMs: 1_000,
    },
    stop.signal,
  );
  try {
    await until('the webhook is asked', () => asked(plane), { holds: isRefused, withinMs: noticedMs });
    const [first = Infinity] = ends;
    let reviews = 0;
    // Until the first certificate has expired, two others were in use.
    while (Date.now() < first + 5_000 || reviews <= 10) {
      const message = await asked(plane);
      assert.ok(isRefused(message), `review ${reviews}: ${message}`);
      reviews += 1;
    }
    assert.ok(ends.length >= 3, `${ends.length} certificates`);
    assert.ok(reviews > 10, `${reviews} reviews`);
  } finally {
    stop.abort();
    await keeping;
    await server.close();
  }
});

/** Replaces the files of a mounted Secret as the kubelet does: all at once, by a link. */
function project(directory: string, version: string, files: Record<string, string>): void {
  mkdirSync(join(directory, version));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, version, file), text);
  symlinkSync(version, join(directory, '..data_tmp'));
  renameSync(join(directory, '..data_tmp'), join(directory, '..data'));
}

const filesOf = ({ key, cert }: CertificatePair) => ({ 'tls.key': key, 'tls.crt': cert });

test('changed files of another program are served without a restart, and unusable ones are not', async ({
  plane,
}) => {
  using mounted = new ScratchDirectory('dockerrun-webhook');
  for (const file of ['tls.key', 'tls.crt']) symlinkSync(`..data/${file}`, join(mounted.path, file));
  const [port = 0, metricsPort = 0] = await freePorts(2);
  // Ready before the first certificate is issued.
  await using controller = await ControllerProcess.start(plane.kubeconfig, {
    DOCKERRUN_WEBHOOK_PORT: String(port),
    DOCKERRUN_METRICS_PORT: String(metricsPort),
    DOCKERRUN_WEBHOOK_CERTIFICATES: mounted.path,
  });
  const [first, second] = [
    makeCertificate('localhost', new Date()),
    makeCertificate('localhost', new Date(Date.now() - 3_600_000)),
  ];
  assert.match(await served(port, first.ca), /Error/);
  await plane.client.create(
    paths.webhookConfigurations(),
    webhookConfiguration({ name, port, failurePolicy: 'Fail', ca: first.ca + second.ca }),
  );
  const untilServed = (what: string, ca: string) =>
    until(`${what} is served`, () => served(port, ca), {
      holds: (serial) => /^[0-9A-F]{32}$/.test(serial),
      withinMs: noticedMs,
    });

  project(mounted.path, '..1', filesOf(first));
  await untilServed('the first certificate', first.ca);
  assert.ok(isRefused(await asked(plane)));

  project(mounted.path, '..2', { ...filesOf(second), 'tls.key': first.key });
  await until('the pair that does not match is reported', () => controller.log, {
    holds: (log) => log.some(({ msg }) => msg === 'webhook certificate not current'),
    withinMs: noticedMs,
  });
  await untilServed('the first certificate still', first.ca);

  project(mounted.path, '..3', filesOf(second));
  await untilServed('the second certificate', second.ca);
  assert.match(await served(port, first.ca), /Error/, 'the first one is not served any more');
  assert.ok(isRefused(await asked(plane)));
  const lastDay = Math.floor((Date.now() - 3_600_000) / 86_400_000) + 90;
  await Scrape.until(metricsPort, 'the end of the second certificate is shown', {
    holds: (scrape) => {
      const seconds = scrape.value('dockerrun_webhook_certificate_expiry_timestamp_seconds') ?? 0;
      return Math.floor(seconds / 86_400) === lastDay;
    },
  });
  assert.ok(controller.isRunning);
});

test.run();
