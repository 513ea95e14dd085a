import { logFileName } from '../../api/for-each.ts';
import { defined } from '../../api/json-values.ts';
import { digestOf } from '../../api/set/recipe.ts';
import type { Receipt } from '../../api/set/receipt.ts';
import type { GirderClient } from '../../girder/client.ts';
import type { UploadedTree } from '../../girder/upload/upload-tree.ts';
import { uploadPath } from '../../girder/upload/upload-path.ts';
import { uploadToItem } from '../../girder/upload/upload.ts';
import { deadline } from '../../support/abort.ts';
import { RunError, toRunError } from '../../support/errors.ts';
import { traced } from '../../support/trace/trace.ts';
import type { RunContext } from '../context.ts';
import { withUploadDeadline } from '../run-end.ts';
import type { TargetEnd } from '../run-target.ts';
import { stageOut } from '../stage/stage-out.ts';
import type { LogSpool } from '../streams/output-sink.ts';
import { claimResult, receiptOf, removeOutputs, writeReceipt } from './receipts.ts';
import { type Chunk, failureOfItem, type ItemFacts, type ReadyItem } from './staged-item.ts';

/** How an input ended; `results` is how many files of it are in Girder. */
export type ItemEnd = { readonly failure: RunError | undefined; readonly results: number };

/** What a receipt says of the image. */
export type ImageFacts = { readonly image: string; readonly imageDigest?: string };

/**
 * Uploads the result and the log of an input whose target has ended, removes what an earlier result had in addition,
 * and writes the receipt last.
 * @throws RunError a failure that is not of this input alone, or why the run was stopped
 */
export async function finishItem(
  chunk: Chunk,
  ready: ReadyItem,
  { context, end, image }: { context: RunContext; end: TargetEnd; image: ImageFacts },
): Promise<ItemEnd> {
  const { girder, forEach, set } = chunk;
  const { signal } = context;
  const claim = { place: ready.item.result, set, found: ready.result };
  const claimed = await claimResult(girder, claim, signal);
  const { itemId } = claimed;
  const outputs = new Map<string, string>();
  let failure: RunError | undefined;
  try {
    await withUploadDeadline(context, end.failure, async (bounded) => {
      let outcome = end.failure;
      try {
        if (outcome === undefined) await uploadResult(bounded, girder, { ready, claimed, outputs });
      } catch (error) {
        outcome = failureOfItem(error, bounded.signal);
      }
      const { streams } = end;
      const { paths: downloaded } = ready.staged;
      await stageOut(bounded, girder, { streams: streams.outputs, downloaded, failure: outcome });
    });
  } catch (error) {
    failure = failureOfItem(error, signal);
  }
  const isLogDue = forEach.log === 'Always' || (forEach.log === 'OnFailure' && failure !== undefined);
  if (isLogDue) await keepLog(context, girder, { log: end.streams.log, claimed, outputs });
  const results = outputs.size;
  if (failure === undefined) {
    failure = await removeStale(girder, ready, { itemId, outputs, signal });
  }
  await conclude(chunk, { ...ready, itemId }, { failure, outputs: [...outputs.values()], image });
  return { failure, results };
}

/** Writes the receipt of an input whose target never ran. @throws RunError as {@link finishItem} */
export async function concludeFailed(
  chunk: Chunk,
  facts: ItemFacts,
  { failure, image }: { failure: RunError; image: ImageFacts },
): Promise<void> {
  const { girder, set, opened } = chunk;
  const { result, item } = facts;
  try {
    const claim = { place: item.result, set, found: result };
    const { itemId } = await claimResult(girder, claim, opened.signal);
    await conclude(chunk, { ...facts, itemId }, { failure, outputs: [], image });
  } catch (error) {
    const problem = failureOfItem(error, opened.signal);
    opened.log.warn(
      { error: problem.message, input: item.id },
      'the receipt of a failed input is not in Girder',
    );
  }
}

/** The receipt that says that the worker was lost, unless another one follows. Returns what takes it back. */
export async function writeCautiousReceipt(
  chunk: Chunk,
  ready: ReadyItem,
  image: ImageFacts,
): Promise<{ readonly facts: ReadyItem; readonly takeBack: () => Promise<void> }> {
  const { girder, set, opened } = chunk;
  const { signal } = opened;
  const claim = { place: ready.item.result, set, found: ready.result };
  const { itemId } = await claimResult(girder, claim, signal);
  const before = ready.result?.receipt;
  const lost = new RunError('WorkerLost', 'the worker was lost while it processed this input alone');
  await writeReceipt(girder, itemId, receiptFor(chunk, ready, { failure: lost, outputs: [], image }), signal);
  const takeBack = async () => writeReceipt(girder, itemId, before ?? { set }, deadline(takeBackMs));
  return { facts: { ...ready, result: { itemId, isMarked: true, receipt: before } }, takeBack };
}

/** In milliseconds; a pod that is deleted has 30 s by default. */
const takeBackMs = 10_000;

/** In milliseconds, for the log: Girder may be slow, and a failed input is not worth waiting for. */
const logMs = 300_000;

/** The result item, and whether it has no files yet. */
type Claimed = Awaited<ReturnType<typeof claimResult>>;

async function uploadResult(
  { report, signal }: RunContext,
  girder: GirderClient,
  { ready, claimed, outputs }: { ready: ReadyItem; claimed: Claimed; outputs: Map<string, string> },
): Promise<void> {
  const { localPath: root, containerPath: seenAs } = ready.place.result;
  report.phase = 'Uploading';
  using transfer = report.beginTransfer('upload', ['result']);
  const tree = await traced('upload', { 'dockerrun.volume_path': 'result' }, () =>
    uploadPath(
      girder,
      { root, seenAs, to: claimed },
      {
        signal,
        onProgress: (bytes, total) => transfer.moved(bytes, total),
        onUploaded: ({ name, fileId }) => {
          transfer.fileMoved();
          outputs.set(name, fileId);
        },
      },
    ),
  );
  const problem = leftOut(tree, seenAs);
  if (problem !== undefined) throw new RunError('OutputUnsafe', problem);
}

/** An item holds only files. A result that lacks something must not pass for whole. */
function leftOut({ refused, refusedCounts }: UploadedTree, directory: string): string | undefined {
  const count = Object.values(refusedCounts).reduce((sum, one) => sum + one, 0);
  if (count === 0) return undefined;
  const listed = refused.slice(0, 5).map(({ path, why }) => `${path} ${why}`);
  const more = count > listed.length ? [`and ${count - listed.length} more`] : [];
  return `not everything in ${directory} in the target can be put into the result item: ${[...listed, ...more].join(', ')}`;
}

/** The log decides nothing: without it an input keeps its outcome, with a warning. */
async function keepLog(
  { signal, log: ownLog }: RunContext,
  girder: GirderClient,
  { log, claimed, outputs }: { log: LogSpool | undefined; claimed: Claimed; outputs: Map<string, string> },
): Promise<void> {
  if (log === undefined) return;
  // A file of that name is part of the result.
  const name = outputs.has(logFileName) ? `dockerrun-${logFileName}` : logFileName;
  try {
    const { source, size } = await log.read();
    await using _ = source;
    const { itemId, isNew } = claimed;
    // What is in a new item is the result.
    const found = isNew && !outputs.has(name) ? { file: undefined } : undefined;
    const file = { itemId, name, source, size, mimeType: 'text/plain', ifExists: 'Replace', found } as const;
    const { fileId } = await uploadToItem(girder, file, { signal: deadline(logMs, signal) });
    outputs.set(name, fileId);
  } catch (error) {
    signal.throwIfAborted();
    ownLog.warn({ error: toRunError(error).message }, 'the log of an input is not in Girder');
  }
}

async function removeStale(
  girder: GirderClient,
  { result }: ItemFacts,
  { itemId, outputs, signal }: { itemId: string; outputs: Map<string, string>; signal: AbortSignal },
): Promise<RunError | undefined> {
  const current = new Set(outputs.values());
  const stale = new Set((result?.receipt?.outputs ?? []).filter((id) => !current.has(id)));
  try {
    await removeOutputs(girder, itemId, stale, signal);
    return undefined;
  } catch (error) {
    return failureOfItem(error, signal);
  }
}

type Conclusion = {
  readonly failure: RunError | undefined;
  /** The ids of the files that are part of the result now. */
  readonly outputs: readonly string[];
  readonly image: ImageFacts;
};

async function conclude(
  chunk: Chunk,
  facts: ItemFacts & { readonly itemId: string },
  conclusion: Conclusion,
): Promise<void> {
  const { girder, opened } = chunk;
  // After a cancel, the input is as if it had not begun.
  opened.signal.throwIfAborted();
  await writeReceipt(girder, facts.itemId, receiptFor(chunk, facts, conclusion), opened.signal);
}

function receiptFor({ opened, forEach, set }: Chunk, facts: ItemFacts, conclusion: Conclusion): Receipt {
  const { item, files, filesDigest, digest, report, result } = facts;
  const { failure, outputs, image } = conclusion;
  const { namespace, name, uid } = opened.environment.run;
  const { exitCode, startedAt } = report.target ?? {};
  // What a failure leaves of an earlier result stays ours.
  const before = failure === undefined ? [] : (result?.receipt?.outputs ?? []);
  return receiptOf({
    ...{ set, item, files, filesDigest, outputs: [...new Set([...outputs, ...before])] },
    recipe: item.recipe,
    digest: digest === '' ? digestOf(item.recipe, filesDigest) : digest,
    state: failure === undefined ? 'Succeeded' : 'Failed',
    attempts: (item.attempts ?? 0) + 1,
    ...image,
    ...{ run: `${namespace}/${name}`, runUid: uid },
    ...defined({
      reason: failure?.reason,
      message: failure?.message,
      version: forEach.version,
      exitCode,
      startedAt,
    }),
  });
}
