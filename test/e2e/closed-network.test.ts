import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from '../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { podBridge } from '../cluster/network.ts';
import { ForwardProxy } from '../fixtures/forward-proxy.ts';
import { chart, helm } from '../fixtures/helm.ts';
import { ScratchDirectory } from '../fixtures/scratch-directory.ts';
import { makePrivateCa, TlsFront } from '../fixtures/tls-front.ts';
import { environment } from './support/environment.ts';
import { aFile, anItem, download, filesOf, sha256 } from './support/girder.ts';
import { copyOf, girderOf } from './support/job-run.ts';
import { Lab } from './support/runs.ts';

/**
 * The installed operator in a network that is left only through a proxy, with a Girder whose certificate a private CA
 * issued. The Girder is `localhost` of the machine: a pod that does not use the proxy finds nothing there. It runs
 * alone, because it changes the settings of all workers.
 */

const fixed = ['dockerrun', '--namespace', 'dockerrun-system'];
const patience = ['--wait', '--timeout', '120s'];
const login = 'worker:s3cret-word';
const identity = makePrivateCa('Laboratory CA');
const stack = new AsyncDisposableStack();
let lab: Lab;
let proxy: ForwardProxy;
let front: TlsFront;
/** Of the proxy, with its port. */
let host: string;

test.before(async () => {
  lab = await Lab.open('closed-network');
  stack.defer(() => lab.close());
  proxy = stack.use(await ForwardProxy.start(login, podBridge.address));
  ({ host } = proxy);
  front = stack.use(await TlsFront.start(environment('GIRDER_API_URL'), identity));
  const files = stack.use(new ScratchDirectory('closed-network'));
  const caFile = join(files.path, 'ca.crt');
  await writeFile(caFile, identity.ca);
  const [current] = JSON.parse(await helm(['history', ...fixed, '--max', '1', '--output', 'json'])) as {
    revision: number;
  }[];
  stack.defer(async () => void (await helm(['rollback', ...fixed, String(current?.revision), ...patience])));
  const address = `http://${login}@${host}`;
  const settings = {
    'worker.proxy.http': address,
    'worker.proxy.https': address,
    'worker.proxy.noProxy': `example.org\\,${podBridge.address}/${podBridge.prefix}`,
  };
  const set = Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  const bundle = ['--set-file', `worker.caBundle=${caFile}`];
  await helm([
    'upgrade',
    ...fixed,
    chart,
    '--reuse-values',
    ...set,
    ...bundle,
    ...patience,
    '--force-conflicts',
  ]);
});
test.after(() => stack.disposeAsync());

/** Copies some bytes through a run whose Girder is at this address. */
async function copies(name: string, apiUrl: string): Promise<void> {
  const bytes = randomBytes(3_000_000);
  const [fileId, itemId] = [await aFile('in.bin', bytes), await anItem('out')];
  await lab.run(name, { ...copyOf(fileId, itemId), girder: girderOf({ apiUrl }) });
  const { phase, message } = await lab.ended(name);
  assert.is(phase, 'Succeeded', message);
  const [file] = await filesOf(itemId);
  assert.is(sha256(await download(file?._id ?? '')), sha256(bytes));
}

test('a run downloads and uploads through the proxy, from a Girder whose CA is in the bundle', async () => {
  await copies('enclosed', front.url);
  assert.ok(proxy.tunnels.length > 0);
  assert.equal(new Set(proxy.tunnels), new Set([new URL(front.url).host]));
  assert.equal(proxy.forwarded, []);
  const { status } = await lab.get('enclosed');
  const seen =
    JSON.stringify([status, await lab.events('enclosed')]) + (await lab.log('enclosed')).toString();
  assert.not.match(seen, 's3cret-word');
});

test('a Girder whose address is in noProxy is reached without the proxy', async () => {
  const before = [proxy.tunnels.length, proxy.forwarded.length];
  await copies('near', environment('GIRDER_API_URL'));
  assert.equal([proxy.tunnels.length, proxy.forwarded.length], before);
});

test('while the proxy is away, a run waits and names the proxy, and not its password', async () => {
  await proxy[Symbol.asyncDispose]();
  const fileId = await aFile('in.bin', Buffer.from('far'));
  await lab.run('cut-off', {
    command: ['true'],
    transforms: [{ name: 'in', girderFileIdToVolume: { fileId } }],
    girder: { apiUrl: front.url, credentialsSecretRef: { name: 'girder' } },
  });
  const { status } = await lab.until('cut-off', 'names the proxy', {
    holds: ({ status: { message } }) => message?.includes(`the proxy http://${host}`) === true,
  });
  assert.is(status.phase, 'Preparing');
  assert.not.match(status.message ?? '', 's3cret-word');
  await lab.kubectl('delete', 'dockerrun', 'cut-off');
});

test.run();
