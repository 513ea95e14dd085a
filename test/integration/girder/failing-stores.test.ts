import { join } from 'node:path';
import { rename } from 'node:fs/promises';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import type { GirderClient } from '../../../src/girder/client.ts';
import { downloadFile } from '../../../src/girder/download/download.ts';
import { openGirder } from '../../../src/girder/open-girder.ts';
import { doubtfulMs } from '../../../src/girder/retry.ts';
import { OwnGirder } from '../../fixtures/own-girder.ts';
import { runErrorOf } from '../../fixtures/run-error.ts';
import { S3Server } from '../../fixtures/s3-server.ts';
import { until } from '../../fixtures/until.ts';
import { answer, type Fault, GirderGate } from './girder-gate.ts';
import { hashFile, Scratch } from './real-girder.ts';

/**
 * What runs see of a real Girder whose assetstore fails: an S3 server that answers 500 or nothing, and a directory
 * that is away. What Girder makes of that is its own.
 */

const never = new AbortController().signal;
/** Bytes: more than what is sent with the request that creates a file. */
const size = 3_000_000;
const atFault =
  /\(500\) .*; its assetstore, a plugin or the file there is at fault, so ask its administrator/;

/** A client with the patience of a run of an hour, and what it said that it waits for. */
type Patient = AsyncDisposable & { readonly client: GirderClient; readonly waits: string[] };

async function patient({ apiUrl, apiKey }: OwnGirder, patienceMs = 3_600_000): Promise<Patient> {
  const waits: string[] = [];
  const onWait = (why: string | undefined) => void (why !== undefined && waits.push(why));
  const credentials = { apiKey };
  const client = await openGirder({ apiUrl, credentials, signal: never, patienceMs, onWait });
  return { client, waits, [Symbol.asyncDispose]: () => client.close() };
}

/** Makes scratch items use this Girder. */
function use({ apiUrl, apiKey }: OwnGirder): void {
  Object.assign(process.env, { GIRDER_API_URL: apiUrl, GIRDER_API_KEY: apiKey });
}

const s3Error = '<?xml version="1.0"?><Error><Code>InternalError</Code><Message>We failed</Message></Error>';
const faults: Readonly<Record<string, Fault>> = {
  'answers 500': answer('500 Internal Server Error', s3Error, 'Content-Type: application/xml'),
  'is away': (socket) => socket.destroy(),
};

const ofStore = suite<{ stack: AsyncDisposableStack; girder: OwnGirder; gate: GirderGate; s3: string }>(
  'an S3 server',
);

ofStore.before(async (world) => {
  const stack = new AsyncDisposableStack();
  world.stack = stack;
  const s3 = stack.use(await S3Server.start());
  world.gate = stack.use(await GirderGate.start(s3.origin));
  // The host of Girder: to another name of the node itself, no redirect is followed.
  world.s3 = world.gate.origin.replace('localhost', '127.0.0.1');
  const assetstore = { kind: 's3', s3: world.s3, bucket: s3.bucket } as const;
  world.girder = stack.use(await OwnGirder.start({ version: 5, assetstore }));
  use(world.girder);
});
ofStore.after(({ stack }) => stack.disposeAsync());

/** Does the work while the store has a fault, and not longer: then nothing of the test could be removed. */
async function during<T>(gate: GirderGate, fault: Fault, work: () => Promise<T>): Promise<T> {
  gate.setFault(fault);
  try {
    return await work();
  } finally {
    gate.setFault(undefined);
  }
}

/** True if a wait names what is at fault; a Girder that is busy with other tests may cause more waits. */
const hasNamed = (waits: readonly string[], fault: string | RegExp) =>
  waits.some((why) => (typeof fault === 'string' ? why.includes(fault) : fault.test(why)));

/** Resolves when a transfer has waited, for what is at fault, for longer than for a failure that seldom passes. */
async function outlasts({ waits }: Patient, fault: string | RegExp): Promise<void> {
  const began = performance.now();
  const isLonger = () => hasNamed(waits, fault) && performance.now() - began > doubtfulMs.start + 1_000;
  await until('the transfer waits', isLonger, { withinMs: 120_000, context: () => waits.join('\n') });
}

const notYet = () => assert.unreachable('the transfer ended while the store had a fault');

for (const [what, fault] of Object.entries(faults)) {
  ofStore(`a download waits for a store that ${what}, and is whole`, async ({ girder, gate, s3 }) => {
    await using scratch = await Scratch.make();
    const { path, sha256 } = await scratch.randomFile('original', size);
    const { fileId } = await scratch.upload(path, 'big.bin');
    await using run = await patient(girder);
    const into = scratch.directory;
    const download = await during(gate, fault, async () => {
      const back = downloadFile(run.client, { fileId, into, filename: 'back' }, { signal: never });
      await Promise.race([back.then(notYet), outlasts(run, `: ${s3}, to which it redirects, `)]);
      return [back];
    });
    await Promise.all(download);
    assert.is(await hashFile(join(into, 'back')), sha256);
  });

  ofStore(`an upload is retried while the store ${what}, and stored once`, async ({ girder, gate }) => {
    await using scratch = await Scratch.make();
    const { path, sha256 } = await scratch.randomFile('original', size);
    await using run = await patient(girder);
    run.client.atRisk = 'results';
    const upload = await during(gate, fault, async () => {
      const sent = scratch.upload(path, 'big.bin', run.client);
      await Promise.race([sent.then(notYet), outlasts(run, atFault)]);
      return [sent];
    });
    const [stored] = await Promise.all(upload);
    const into = scratch.directory;
    const fileId = stored?.fileId ?? '';
    await downloadFile(scratch.admin, { fileId, into, filename: 'back' }, { signal: never });
    assert.is(await hashFile(join(into, 'back')), sha256);
    assert.equal(await scratch.files(), [{ name: 'big.bin', size }]);
    assert.is(await scratch.unfinishedUploads(), 0);
  });

  ofStore(
    `an upload fails while the store ${what} for long, and names the assetstore`,
    async ({ girder, gate }) => {
      await using scratch = await Scratch.make();
      const { path } = await scratch.randomFile('original', size);
      await using run = await patient(girder);
      const error = await during(gate, fault, () => runErrorOf(scratch.upload(path, 'big.bin', run.client)));
      assert.is(error.reason, 'UploadFailed');
      assert.match(error.message, atFault);
      assert.equal(await scratch.files(), []);
    },
  );
}

ofStore.run();

const ofDirectory = suite<{ girder: OwnGirder }>('a directory of files');

ofDirectory.before(async (world) => {
  world.girder = await OwnGirder.start({ version: 5 });
  use(world.girder);
});
ofDirectory.after(({ girder }) => girder[Symbol.asyncDispose]());

ofDirectory('a file that the assetstore has lost fails the download and is named', async ({ girder }) => {
  await using scratch = await Scratch.make();
  const { path } = await scratch.randomFile('original', 1_000);
  const { fileId } = await scratch.upload(path, 'lost.bin');
  await rename(girder.assetstoreDirectory, `${girder.assetstoreDirectory}-away`);
  await using run = await patient(girder);
  const into = scratch.directory;
  const error = await runErrorOf(
    downloadFile(run.client, { fileId, into, filename: 'back' }, { signal: never }),
  );
  assert.is(error.reason, 'GirderUnavailable');
  assert.match(error.message, `fails at file ${fileId}`);
  assert.match(error.message, atFault);
});

ofDirectory.run();
