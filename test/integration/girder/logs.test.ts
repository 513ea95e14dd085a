import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { downloadFolder } from '../../../src/girder/download/download.ts';
import type { FoundPlaces } from '../../../src/girder/lookup.ts';
import { removeUploaded } from '../../../src/girder/upload/upload-path.ts';
import { OutputPump } from '../../../src/docker/output/output-pump.ts';
import { RunError, toRunError } from '../../../src/support/errors.ts';
import { planRun } from '../../../src/worker/plan.ts';
import { checkPlaces } from '../../../src/worker/stage/prepare.ts';
import { stageOut } from '../../../src/worker/stage/stage-out.ts';
import { LogSpool, openOutputSink } from '../../../src/worker/streams/output-sink.ts';
import { aContext, anEnvironment, temporaryVolume } from '../../fixtures/builders-worker.ts';
import { specOf } from '../../fixtures/builders.ts';
import { call } from './real-girder.ts';
import { readTree, ScratchFolder } from './scratch-folder.ts';

const never = new AbortController().signal;
const failed = new RunError('TargetFailed', 'the target ended with exit code 3');

type GivenLog = {
  readonly itemId?: string;
  readonly folderId?: string;
  readonly path?: string;
  readonly createFolder?: boolean;
  readonly when?: 'Always' | 'OnFailure';
};

/** A frame of the engine: 1 is stdout, 2 is stderr. */
function frame(stream: 1 | 2, data: string): Buffer {
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(Buffer.byteLength(data), 4);
  return Buffer.concat([header, Buffer.from(data)]);
}

function aRun(scratch: ScratchFolder, log: GivenLog) {
  const girder = { apiUrl: scratch.admin.apiUrl, credentialsSecretRef: { name: 'girder' }, log };
  const spec = specOf({ image: 'busybox', girder });
  return anEnvironment(spec, { spoolDirectory: scratch.directory });
}

/** What the worker checks before the target starts. */
function check(scratch: ScratchFolder, log: GivenLog): Promise<FoundPlaces> {
  const steps = planRun(specOf({ image: 'busybox' }), [temporaryVolume]);
  return checkPlaces(aContext({ environment: aRun(scratch, log), steps }), scratch.admin);
}

/** Passes the frames through a pump, and ends the run as the worker does. Returns its failure. */
async function endOfRun(
  scratch: ScratchFolder,
  log: GivenLog,
  frames: readonly Buffer[],
  failure?: RunError,
): Promise<RunError | undefined> {
  const environment = aRun(scratch, log);
  const found = log.path === undefined ? new Map() : await check(scratch, log);
  const steps = planRun(environment.spec, [temporaryVolume], undefined, found);
  const spool = await LogSpool.open(scratch.directory);
  try {
    const source = new PassThrough();
    const sinks = { stdout: new PassThrough().resume(), stderr: new PassThrough().resume() };
    const pump = new OutputPump(source, { ...sinks, both: spool.writable });
    for (const one of frames) source.write(one);
    source.end();
    assert.ok(await pump.done);
    const results = { streams: [], log: spool, downloaded: new Map<string, string>(), failure };
    return await stageOut(aContext({ environment, steps }), scratch.admin, results).then(
      () => undefined,
      (error: unknown) => toRunError(error),
    );
  } finally {
    await spool.close();
  }
}

/** The contents of the scratch folder in Girder. */
async function inGirder({
  admin,
  folderId,
  directory,
}: ScratchFolder): Promise<Record<string, string | null>> {
  const target = { folderId, into: directory, folderName: 'back' };
  const { created } = await downloadFolder(admin, target, { signal: never });
  const tree = await readTree(join(directory, folderId, 'back'));
  await removeUploaded(directory, created);
  return tree;
}

/** The failure of the target, and where its output is. */
function assertKept(failure: RunError | undefined): void {
  assert.is(failure?.reason, 'TargetFailed');
  assert.match(
    failure?.message ?? '',
    /^the target ended with exit code 3; the output of the target is segment\S*\.log in item \w{24} of Girder$/,
  );
}

const output = [frame(1, 'step 1\n'), frame(2, 'cannot read header\n'), frame(1, 'step 2\n')];
const inOrder = 'step 1\ncannot read header\nstep 2\n';

test('the output of a failed target is a file with the name of the run, in the order of its arrival', async () => {
  await using scratch = await ScratchFolder.make();
  assertKept(await endOfRun(scratch, { folderId: scratch.folderId }, output, failed));
  assert.equal(await inGirder(scratch), { 'segment.log': inOrder });
});

test('the log of a retry does not replace that of the earlier attempt, in a folder or in an item', async () => {
  await using scratch = await ScratchFolder.make();
  const { folderId } = scratch;
  const itemId = await scratch.item('logs');
  for (const log of [{ folderId }, { itemId }])
    for (const attempt of ['first', 'second'])
      assertKept(await endOfRun(scratch, log, [frame(1, attempt)], failed));
  assert.equal(await inGirder(scratch), {
    'segment.log': 'first',
    'segment-2.log': 'second',
    'logs/segment.log': 'first',
    'logs/segment-2.log': 'second',
  });
});

test('the path of a log leads to an item or a folder, which is created if the spec allows it', async () => {
  await using scratch = await ScratchFolder.make();
  const { login } = await call(scratch.admin, 'GET', ['user', 'me']);
  const at = `/user/${String(login)}/Private/${scratch.name}`;
  await scratch.item('logs');
  for (const log of [{ path: at }, { path: `${at}/logs` }, { path: `${at}/new/run`, createFolder: true }])
    assertKept(await endOfRun(scratch, log, [frame(1, 'output')], failed));
  assert.equal(await inGirder(scratch), {
    'segment.log': 'output',
    'logs/segment.log': 'output',
    'new/run/segment.log': 'output',
  });
});

test('a log that has no place fails the run before its target starts', async () => {
  await using scratch = await ScratchFolder.make();
  const { login } = await call(scratch.admin, 'GET', ['user', 'me']);
  const path = `/user/${String(login)}/Private/${scratch.name}/missing`;
  const itemId = await scratch.item('logs');
  for (const [log, words] of [
    [{ path }, /^spec\.girder\.log\.path: .* has no "missing"/],
    [{ itemId: '0'.repeat(24) }, /^spec\.girder\.log\.itemId: /],
    [{ folderId: itemId }, /^spec\.girder\.log\.folderId: .* id of an item, so use itemId/],
  ] as const) {
    const thrown = await check(scratch, log).catch(toRunError);
    assert.instance(thrown, RunError);
    assert.is((thrown as RunError).reason, 'GirderNotFound');
    assert.match((thrown as RunError).message, words);
  }
});

test('with OnFailure, a success leaves no log, and with Always it does', async () => {
  await using scratch = await ScratchFolder.make();
  const { folderId } = scratch;
  assert.is(await endOfRun(scratch, { folderId, when: 'OnFailure' }, output), undefined);
  assert.equal(await inGirder(scratch), {});
  assert.is(await endOfRun(scratch, { folderId, when: 'Always' }, output), undefined);
  assert.equal(await inGirder(scratch), { 'segment.log': inOrder });
});

test('of a long log the beginning and the end are kept, and the cut is named', async () => {
  await using scratch = await ScratchFolder.make();
  const mebi = 1024 * 1024;
  const frames = ['first ', ...Array.from({ length: 40 }, () => '.'.repeat(mebi)), ' last'];
  await endOfRun(
    scratch,
    { folderId: scratch.folderId },
    frames.map((data) => frame(1, data)),
    failed,
  );
  const log = (await inGirder(scratch))['segment.log'] ?? '';
  const notice = `\n[dockerrun: ${8 * mebi + 11} bytes of the output are left out here]\n`;
  assert.is(log.length, 32 * mebi + notice.length);
  assert.is(log.slice(8 * mebi, 8 * mebi + notice.length), notice);
  assert.ok(log.startsWith('first .') && log.endsWith('. last'));
});

test('a log that cannot be uploaded does not fail a success, and is named after a failure', async () => {
  await using scratch = await ScratchFolder.make();
  const log = { folderId: '0'.repeat(24) };
  assert.is(await endOfRun(scratch, log, output), undefined);
  const failure = await endOfRun(scratch, log, output, failed);
  assert.is(failure?.reason, 'TargetFailed');
  assert.match(String(failure?.message), /exit code 3; also, the log is not in Girder: /);
});

test('a stream of stdout that becomes a file of Girder leaves the log of the pod alone', async () => {
  await using scratch = await ScratchFolder.make();
  const environment = anEnvironment(specOf({ image: 'busybox' }), { spoolDirectory: scratch.directory });
  const stdout = new PassThrough();
  const context = aContext({ environment, stdout });
  const to = {
    kind: 'item',
    item: { itemId: '0'.repeat(24), filename: 'run.log', ifExists: 'Replace' },
  } as const;
  const { end, spool } = await openOutputSink(
    context,
    { name: 'log', source: 'stdout', to },
    () => undefined,
  );
  await end.sink.write(Buffer.from('cannot read header\n'));
  end.targetEnded?.();
  await end.finish();
  stdout.end();
  assert.is(await text(stdout), 'cannot read header\n');
  const { buffer, bytesRead } = (await spool?.handle.read(Buffer.alloc(64), 0, 64, 0)) ?? {};
  assert.is(buffer?.toString('utf8', 0, bytesRead), 'cannot read header\n');
  await spool?.handle.close();
});

test.run();
