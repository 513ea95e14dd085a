import * as assert from 'uvu/assert';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { suite } from '../../fixtures/suite.ts';
import { makePrivateCa, type PrivateCa } from '../../fixtures/tls-front.ts';
import { until } from '../../fixtures/until.ts';
import { BridgeLab, type BridgeProcess } from './bridge-lab.ts';

type Context = { lab: BridgeLab; identity: PrivateCa; files: ScratchDirectory };
const test = suite<Context>('a broker with TLS and a private CA');

test.before(async (context) => {
  context.files = new ScratchDirectory('dockerrun-client');
  context.identity = makePrivateCa('a CA of the test');
  // It accepts only clients with a certificate of this CA.
  const lines = ['ssl_options.verify = verify_peer', 'ssl_options.fail_if_no_peer_cert = true'];
  context.lab = await BridgeLab.start({ identity: context.identity, lines });
});

test.after(async ({ lab, files }) => {
  await lab[Symbol.asyncDispose]();
  files[Symbol.dispose]();
});

/** The variables with which the chart gives the bridge a CA and a certificate of its own. */
function variables({ files }: Context, name: string, { ca, client }: { ca?: string; client?: PrivateCa }) {
  const directory = join(files.path, name);
  mkdirSync(directory);
  if (client !== undefined) {
    writeFileSync(join(directory, 'tls.crt'), client.cert);
    writeFileSync(join(directory, 'tls.key'), client.key);
  }
  return {
    ...(ca === undefined ? {} : { DOCKERRUN_BRIDGE_BROKER_CA: ca }),
    ...(client === undefined ? {} : { DOCKERRUN_BRIDGE_BROKER_CLIENT: directory }),
  };
}

async function isRefused(bridge: BridgeProcess, why: RegExp): Promise<void> {
  await until('the connection is refused', () => why.test(bridge.log), {
    withinMs: 90_000,
    context: () => bridge.log,
  });
  assert.is(await bridge.isReady(), false);
  assert.not.match(bridge.log, /connected to RabbitMQ|bridge:test/);
}

test('with its CA and a client certificate, tasks are taken over TLS', async (context) => {
  const { lab, identity } = context;
  const given = variables(context, 'right', { ca: identity.ca, client: identity });
  await using _ = await lab.bridge({}, { broker: lab.broker.securedUrl('bridge'), variables: given });
  const job = await lab.job();
  await lab.run(await lab.publish({ job }));
  await lab.jobIs(job, 2);
});

test('a certificate of a CA that is not given is refused', async (context) => {
  const { lab, identity } = context;
  const given = variables(context, 'no-ca', { client: identity });
  await using bridge = await lab.spawn({}, { broker: lab.broker.securedUrl('bridge'), variables: given });
  await isRefused(bridge, /unable to verify the first certificate|self-signed certificate/);
});

test('a certificate for another name is refused', async (context) => {
  const { lab, identity } = context;
  const given = variables(context, 'wrong-name', { ca: identity.ca, client: identity });
  // The same broker, at an address that its certificate does not name.
  const broker = lab.broker.securedUrl('bridge', '0.0.0.0');
  await using bridge = await lab.spawn({}, { broker, variables: given });
  await isRefused(bridge, /does not match certificate's altnames/);
});

test('without the client certificate that the broker asks for, the connection is refused', async (context) => {
  const { lab, identity } = context;
  const given = variables(context, 'no-client', { ca: identity.ca });
  await using bridge = await lab.spawn({}, { broker: lab.broker.securedUrl('bridge'), variables: given });
  await isRefused(bridge, /alert certificate required/);
});

test.run();
