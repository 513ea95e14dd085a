import type { FileHandle } from 'node:fs/promises';
import type { Result } from '../../api/status.ts';
import type { GirderClient } from '../../girder/client.ts';
import { checkMetadata, createFolders, type Metadata } from '../../girder/upload/destination.ts';
import { readMetadata, removeUploaded, uploadLog, uploadPath } from '../../girder/upload/upload-path.ts';
import type { Refused, UploadedFile, UploadedTree, UploadPlace } from '../../girder/upload/upload-tree.ts';
import { describeResult, type Uploaded, uploadToItem } from '../../girder/upload/upload.ts';
import { ConfinedPathError } from '../../io/confined.ts';
import { RunError, toRunError } from '../../support/errors.ts';
import { type Span, traced } from '../../support/trace/trace.ts';
import type { RunContext } from '../context.ts';
import {
  containerPathOf,
  type HookPlace,
  type HookStep,
  type InputPaths,
  inputPathsOf,
  type OutputTo,
} from '../plan.ts';
import type { LogSpool } from '../streams/output-sink.ts';
import { inContext } from './hints.ts';

/** If the stream becomes a file of Girder, `spool` holds its bytes until they are uploaded. */
type SpooledStream = {
  readonly name: string;
  readonly spool:
    { readonly handle: FileHandle; readonly item: Extract<OutputTo, { kind: 'item' }>['item'] } | undefined;
};

/** `failure` is why the run has failed so far, if it has. */
type TargetResults = {
  readonly streams: readonly SpooledStream[];
  readonly log?: LogSpool | undefined;
  /** The downloaded paths, relative to their volumes, by the name of the transform. */
  readonly downloaded: ReadonlyMap<string, string>;
  readonly failure: RunError | undefined;
};

/**
 * Uploads the streams if the run has succeeded so far, then runs the hooks that are due, in their order.
 * After a failed upload the run counts as failed for the next hooks; after a cancel no upload starts.
 * @throws RunError the first failure, with the messages of later ones
 */
export async function stageOut(
  context: RunContext,
  client: GirderClient | undefined,
  { streams, log, downloaded, failure }: TargetResults,
): Promise<void> {
  const { steps, report, signal, girderJob } = context;
  const inputs = inputPathsOf(steps.downloads, downloaded);
  const uploads = [
    { when: 'OnSuccess' as const, upload: (girder: GirderClient) => uploadSpools(context, girder, streams) },
    ...steps.hooks.map((hook) => ({
      when: hook.when,
      upload: (girder: GirderClient) => uploadHook(context, girder, hook, inputs),
    })),
  ];
  let outcome = failure;
  if (client !== undefined) {
    // A cancel in Girder must be noticed before the first byte is sent.
    await girderJob?.check();
    if (failure !== undefined) outcome = await keepLog(context, client, log, failure);
    for (const { when, upload } of uploads) {
      signal.throwIfAborted();
      if (!isDue(when, outcome)) continue;
      report.phase = 'Uploading';
      outcome = firstOf(outcome, await failureOf(upload(client), signal));
    }
    if (failure === undefined) outcome = await keepLog(context, client, log, outcome);
  }
  if (outcome !== undefined) throw outcome;
}

/**
 * Uploads the log of the target if it is due: of a failed target first, as it shows why. The log decides no
 * run: without it a success stays one, with a warning, because its results are in Girder and repeating the
 * run would only cost time.
 */
async function keepLog(
  context: RunContext,
  client: GirderClient,
  log: LogSpool | undefined,
  outcome: RunError | undefined,
): Promise<RunError | undefined> {
  const { steps, signal } = context;
  if (log === undefined || steps.log === undefined) return outcome;
  const { to, when } = steps.log;
  if (when === 'OnFailure' && outcome === undefined) return outcome;
  signal.throwIfAborted();
  try {
    const { name, itemId } = await sendLog(context, client, log, await placeFor(client, to, signal));
    if (outcome === undefined) return undefined;
    const text = `${outcome.message}; the output of the target is ${name} in item ${itemId} of Girder`;
    return new RunError(outcome.reason, text, { cause: outcome });
  } catch (error) {
    if (outcome !== undefined || !isLate(signal)) signal.throwIfAborted();
    const problem = toRunError(error);
    context.log.warn({ error: problem.message }, 'the log of the target is not in Girder');
    const text = `the log is not in Girder: ${problem.message}`;
    return outcome && firstOf(outcome, new RunError(problem.reason, text, { cause: error }));
  }
}

/** Whether the upload deadline has passed, as opposed to a cancel. */
function isLate({ reason }: AbortSignal): boolean {
  return reason instanceof RunError && reason.reason === 'UploadDeadlineExceeded';
}

async function sendLog(
  { environment, report, signal }: RunContext,
  client: GirderClient,
  log: LogSpool,
  to: UploadPlace,
): Promise<Uploaded> {
  report.phase = 'Uploading';
  const { source, size } = await log.read();
  await using _ = source;
  using transfer = report.beginTransfer('upload', ['log']);
  const onProgress = (bytes: number, total = size) => transfer.moved(bytes, total);
  const upload = { to, name: environment.run.name, source, size };
  const sent = await traced('upload', { 'dockerrun.bytes': size }, () =>
    uploadLog(client, upload, { signal, onProgress }),
  );
  const { itemId, fileId, name, sha256 } = sent;
  report.uploaded({ itemId, fileId, name, size, sha256 });
  return sent;
}

function isDue(when: HookStep['when'], failure: RunError | undefined): boolean {
  return when === 'Always' || (when === 'OnSuccess') === (failure === undefined);
}

async function failureOf(work: Promise<void>, signal: AbortSignal): Promise<RunError | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return toRunError(error);
  }
}

/** The first failure decides the reason; the message of a later one is appended. */
export function firstOf(first: RunError | undefined, next: RunError): RunError;
export function firstOf(first: RunError | undefined, next: RunError | undefined): RunError | undefined;
export function firstOf(first: RunError | undefined, next: RunError | undefined): RunError | undefined {
  if (first === undefined || next === undefined) return first ?? next;
  return new RunError(first.reason, `${first.message}; also, ${next.message}`, { cause: first });
}

/**
 * Runs one hook. The target may be hostile: only regular files that are really inside the volume are
 * uploaded. Anything else in a directory fails the hook after all regular files are uploaded, so that nothing
 * is left out silently.
 * @param inputs not uploaded with a whole volume
 * @throws RunError OutputMissing, OutputUnsafe, or the reason of a failed upload
 */
export async function uploadHook(
  context: RunContext,
  client: GirderClient,
  step: HookStep,
  inputs: InputPaths,
): Promise<void> {
  const attributes = { 'dockerrun.hook': step.hook, 'dockerrun.volume_path': step.name };
  await traced('upload', attributes, async (span) => {
    const uploaded = await upload(context, client, step, { inputs, span });
    if (uploaded !== undefined) await concludeHook(context, step, uploaded);
  });
}

/** Deletes the uploaded files if the hook asks for it, and reports what was not uploaded. */
async function concludeHook(context: RunContext, step: HookStep, uploaded: UploadedTree): Promise<void> {
  if (step.options.deleteFile) await deleteUploaded(context, step, uploaded);
  if (uploaded.refusedCounts.directory > 0 && isLeftOut(step, 'directory'))
    context.log.warn({ hook: step.hook }, 'directories are not uploaded to an item, only files');
  const { link } = uploaded.refusedCounts;
  if (link > 0) {
    const skipped = uploaded.refused.filter(({ kind }) => kind === 'link').map(({ path }) => path);
    context.log.warn({ hook: step.hook, count: link, skipped }, 'symbolic links are not uploaded');
  }
  const unsafe = unsafeCount(step, uploaded);
  if (unsafe > 0) throw new RunError('OutputUnsafe', unsafeText(step, uploaded, unsafe));
}

/** Only warns of files that cannot be deleted: the results are in Girder. */
async function deleteUploaded(
  { log }: RunContext,
  { hook, volume }: HookStep,
  { sources, unrecorded }: UploadedTree,
): Promise<void> {
  const kept = await removeUploaded(volume.localPath, sources);
  const count = kept.length + unrecorded;
  if (count > 0) log.warn({ hook, count, kept: kept.slice(0, maxLogged) }, 'cannot delete uploaded files');
}

/** Undefined if an optional path does not exist. */
async function upload(
  { report, signal }: RunContext,
  client: GirderClient,
  step: HookStep,
  { inputs, span }: { inputs: InputPaths; span: Span },
): Promise<UploadedTree | undefined> {
  const { name, volume, path, to, options } = step;
  const { deleteFile, metadataFile: _, ...traits } = options;
  using transfer = report.beginTransfer('upload', [name]);
  try {
    const metadata = await metadataOf(step);
    return await uploadPath(
      client,
      {
        ...{ root: volume.localPath, seenAs: volume.containerPath, path, ...traits, metadata },
        to: () => placeFor(client, to, signal),
      },
      {
        signal,
        keepSources: deleteFile,
        onProgress: (bytes, total) => {
          transfer.moved(bytes, total);
          span.set({ 'dockerrun.bytes': bytes });
        },
        // In a whole volume, what the run itself downloaded is not a result.
        ignore: (below) => path === undefined && inputs.get(volume)?.has(below) === true,
        onUploaded: (file) => {
          transfer.fileMoved();
          report.uploaded(resultOf(step, file));
        },
      },
    );
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ConfinedPathError)) throw inContext(error, hookName(step));
    if (error.problem === 'missing' && step.optional) return undefined;
    throw explain(step, error);
  }
}

/** @throws RunError OutputMissing or OutputUnsafe for a metadataFile that the target did not write */
async function metadataOf(step: HookStep): Promise<Metadata | undefined> {
  const { volume, options, optional } = step;
  const { metadata, metadataFile: path } = options;
  if (path === undefined) return metadata;
  try {
    return { ...(await readMetadata(volume.localPath, path)), ...metadata };
  } catch (error) {
    if (!(error instanceof ConfinedPathError)) throw inContext(error, hookName(step));
    const isMissing = error.problem === 'missing';
    if (isMissing && optional) return metadata;
    const where = `${hookName(step)}: the metadataFile ${containerPathOf({ volume, path })} in the target`;
    const text = isMissing ? `${where} does not exist` : `${where} is not used: ${error.message}`;
    throw new RunError(isMissing ? 'OutputMissing' : 'OutputUnsafe', text, { cause: error });
  }
}

/** Called when there is something to upload, so that a run without it leaves no empty folder. */
async function placeFor(client: GirderClient, to: HookPlace, signal: AbortSignal): Promise<UploadPlace> {
  if ('problem' in to) throw to.problem;
  return 'newFolder' in to ? { folderId: await createFolders(client, to.newFolder, signal) } : to;
}

function resultOf({ hook }: HookStep, { itemId, fileId, name, path, size, sha256 }: UploadedFile): Result {
  return { hook, itemId, fileId, name, ...(path === name ? {} : { path }), size, sha256 };
}

/** Girder Worker also leaves directories out of an item. */
function isLeftOut({ to }: HookStep, kind: Refused['kind']): boolean {
  return kind === 'link' || ('itemId' in to && kind === 'directory');
}

function explain(step: HookStep, error: ConfinedPathError): RunError {
  const where = `${hookName(step)}: ${containerPathOf(step)} in the target`;
  if (error.problem !== 'missing') {
    return new RunError('OutputUnsafe', `${where} is not uploaded: ${error.message}`, { cause: error });
  }
  const orLink = step.options.links === 'Skip' ? ' or is a symbolic link' : '';
  const text = `${where} does not exist${orLink}; set optional: true in girderResultHooks[${step.hook}] if it may be missing`;
  return new RunError('OutputMissing', text, { cause: error });
}

function hookName({ hook, name }: HookStep): string {
  return `hook ${hook} (${name})`;
}

/** How many refused paths a message lists; it counts the others. */
const maxListed = 5;

/** How many paths a log line lists. */
const maxLogged = 100;

function unsafeCount(step: HookStep, { refusedCounts }: UploadedTree): number {
  const { directory, unsafe, name } = refusedCounts;
  return unsafe + name + (isLeftOut(step, 'directory') ? 0 : directory);
}

function unsafeText(step: HookStep, { refused, files }: UploadedTree, count: number): string {
  const listed = refused
    .filter(({ kind }) => !isLeftOut(step, kind))
    .slice(0, maxListed)
    .map(({ path, why }) => `${path} ${why}`);
  const more = count > listed.length ? [`and ${count - listed.length} more`] : [];
  const rest = files === 0 ? '' : ` (${files} other ${files === 1 ? 'file is' : 'files are'} in Girder)`;
  return `${hookName(step)}: not everything in ${containerPathOf(step)} in the target was uploaded: ${[...listed, ...more].join(', ')}${rest}`;
}

async function uploadSpools(
  context: RunContext,
  client: GirderClient,
  streams: readonly SpooledStream[],
): Promise<void> {
  for (const stream of streams) {
    try {
      await uploadSpool(context, client, stream);
    } catch (error) {
      context.signal.throwIfAborted();
      throw inContext(error, `transform ${stream.name}`);
    }
  }
}

async function uploadSpool(
  { report, signal }: RunContext,
  client: GirderClient,
  { name, spool }: SpooledStream,
): Promise<void> {
  if (spool === undefined) return;
  const { handle: source, item } = spool;
  const { itemId, filename, mimeType, reference, metadata, ifExists } = item;
  checkMetadata(metadata);
  const { size } = await source.stat();
  using transfer = report.beginTransfer('upload', [name]);
  const sent = await traced('upload', { 'dockerrun.transform': name, 'dockerrun.bytes': size }, () =>
    uploadToItem(
      client,
      { itemId, name: filename, source, size, mimeType, reference, ifExists },
      { signal, onProgress: (bytes, total) => transfer.moved(bytes, total ?? size) },
    ),
  );
  await describeResult(client, { itemId, metadata, ifExists }, signal);
  const { fileId, sha256 } = sent;
  report.uploaded({ transform: name, itemId, fileId, name: sent.name, size: sent.size, sha256 });
}
