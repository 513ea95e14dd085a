import { type ForEach, type ForEachItem, itemPathName } from '../../api/for-each.ts';
import { type FailureReason, isFailureReason } from '../../api/reasons.ts';
import { digestOf, filesDigestOf } from '../../api/set/recipe.ts';
import type { ReceiptFile } from '../../api/set/receipt.ts';
import { type GirderUse, girderUsesOf, pathOf } from '../../api/spec-usage.ts';
import type { GirderClient } from '../../girder/client.ts';
import type { GirderFile } from '../../girder/documents.ts';
import { listInput } from '../../girder/input-files.ts';
import type { FoundPlaces } from '../../girder/lookup.ts';
import { type RunError, toRunError } from '../../support/errors.ts';
import type { OpenedRun, RunContext } from '../context.ts';
import { planRun } from '../plan.ts';
import type { Preparation } from '../preparation.ts';
import type { LiveReport } from '../progress.ts';
import type { DockerVolumes, SharedVolume } from '../run-environment.ts';
import { checkPlaces } from '../stage/prepare.ts';
import { type StagedIn, stageIn } from '../stage/stage-in.ts';
import { itemSpec, itemValues } from './item-spec.ts';
import { type ItemVolumes, openItemVolumes } from './item-volumes.ts';
import { findResult, type FoundResult } from './receipts.ts';

/** What all inputs of a run share. */
export type Chunk = {
  readonly opened: OpenedRun;
  readonly girder: GirderClient;
  readonly forEach: ForEach;
  /** `<namespace>/<name>` of the set. */
  readonly set: string;
  /** With those for shared downloads. */
  readonly volumes: readonly SharedVolume[];
  readonly dockerVolumes: DockerVolumes | undefined;
  /** What no value of an input leads to in Girder, and where that was found. */
  readonly uses: readonly GirderUse[];
  readonly found: FoundPlaces;
  /** The folders of results to which the run may write. */
  readonly writable: Set<string>;
};

/** What is known of an input before its target runs. */
export type ItemFacts = {
  readonly index: number;
  readonly item: ForEachItem;
  readonly report: LiveReport;
  readonly files: readonly ReceiptFile[];
  readonly filesDigest: string;
  readonly digest: string;
  /** The result item, if it exists. */
  readonly result: FoundResult | undefined;
};

/** An input whose files are on the node. */
export type ReadyItem = ItemFacts & {
  readonly kind: 'ready';
  readonly context: Omit<RunContext, 'preparation'>;
  readonly staged: StagedIn;
  readonly place: ItemVolumes;
};

/**
 * Whether the container of an input may be created while the target before runs. A stream would wait for its target
 * with an open connection, and two inputs may share the name of a pipe. A path in a volume that the running target can
 * change is checked only when that target has ended.
 */
export function mayBeCreatedAhead({ steps, environment, volumes }: ReadyItem['context']): boolean {
  const { inputs, outputs, barePipes } = steps.streams;
  if (inputs.length + outputs.length + barePipes.length > 0) return false;
  return (environment.spec.transforms ?? []).every((transform) => {
    const { volume: name, containerPath } = pathOf(transform) ?? {};
    const volume = volumes.find((one) => one.name === name);
    return containerPath === undefined || volume?.temporary === true || volume?.readOnly === true;
  });
}

/** `isOurs` is false if the place of the result belongs to others, so that nothing may be written there. */
export type FailedItem = ItemFacts & {
  readonly kind: 'failed';
  readonly failure: RunError;
  readonly isOurs: boolean;
};

/** What an earlier attempt of the run has done for the input. */
type DoneItem = { readonly kind: 'done'; readonly failure?: { reason: FailureReason; message: string } };

export type StagedItem = DoneItem | FailedItem | ReadyItem;

/** Failures of the engine, the disk or Girder as a whole: the next input would fail as well. */
const reasonsOfRun: ReadonlySet<FailureReason> = new Set<FailureReason>([
  'EngineUnavailable',
  'EngineReplaced',
  'ImageNotFound',
  'ImagePullFailed',
  'HostPathNotVisible',
  'HostPathNotAllowed',
  'SecretIncomplete',
  'GirderUnavailable',
  'GirderUnauthorized',
  'DiskFailed',
  'Cancelled',
  'CancelledInGirder',
]);

/** The failure of one input. @throws RunError one that is not of this input alone, or why the run was stopped */
export function failureOfItem(error: unknown, signal: AbortSignal): RunError {
  signal.throwIfAborted();
  const failure = toRunError(error);
  if (reasonsOfRun.has(failure.reason)) throw failure;
  return failure;
}

/** Looks at an input and its result, and downloads the input unless the result is up to date. */
export async function stageItem(
  chunk: Chunk,
  { index, report }: Pick<ItemFacts, 'index' | 'report'>,
  preparation: Preparation,
): Promise<StagedItem> {
  const { opened, girder, set } = chunk;
  const item = itemAt(chunk, index);
  const opening: { place?: ItemVolumes } = {};
  let isOurs = true;
  let facts: ItemFacts = { index, item, report, files: [], filesDigest: '', digest: '', result: undefined };
  try {
    return await preparation.run(async (bounded) => {
      const signal = AbortSignal.any([bounded, opened.signal]);
      report.doing = 'Looking at the input and its result';
      isOurs = false;
      const result = await findResult(girder, item.result, set, signal);
      isOurs = true;
      facts = { ...facts, result };
      const place = { each: chunk.forEach.each, id: item.id };
      const { files, listed } = await listInput(girder, place, signal);
      const filesDigest = filesDigestOf(files);
      facts = { ...facts, files, filesDigest, digest: digestOf(item.recipe, filesDigest) };
      const staging = { signal, preparation, opening, listed };
      return doneBefore(chunk, facts) ?? (await download(chunk, facts, staging));
    });
  } catch (error) {
    await opening.place?.remove(opened.signal).catch(() => undefined);
    return { ...facts, kind: 'failed', isOurs, failure: failureOfItem(error, opened.signal) };
  }
}

function itemAt({ forEach }: Chunk, index: number): ForEachItem {
  const item = forEach.items[index];
  if (item === undefined) throw new TypeError(`there is no input ${index}`);
  return item;
}

/** A success with the same digest, of whatever run; or a failure of an earlier attempt of this run. */
function doneBefore({ opened }: Chunk, { item, digest, result }: ItemFacts): DoneItem | undefined {
  const receipt = result?.receipt;
  if (receipt === undefined || receipt.digest !== digest) return undefined;
  if (receipt.state === 'Succeeded') return { kind: 'done' };
  const isOfRun = receipt.runUid === opened.environment.run.uid;
  if (!isOfRun || receipt.attempts <= (item.attempts ?? 0)) return undefined;
  const { reason, message = '' } = receipt;
  return { kind: 'done', failure: { reason: isFailureReason(reason) ? reason : 'TargetFailed', message } };
}

async function download(
  chunk: Chunk,
  facts: ItemFacts,
  {
    signal,
    preparation,
    opening,
    listed,
  }: {
    signal: AbortSignal;
    preparation: Preparation;
    opening: { place?: ItemVolumes };
    /** What is downloaded is what the digest is of. */
    listed: readonly GirderFile[] | undefined;
  },
): Promise<ReadyItem> {
  const { opened, girder, forEach, volumes, dockerVolumes } = chunk;
  const { index, item, report } = facts;
  const spec = itemSpec(opened.environment.spec, item);
  const values = itemValues(item);
  const keepsLog = forEach.log !== 'Never';
  const environment = { ...opened.environment, spec, item: { index, id: item.id, values, keepsLog } };
  const found = await placesOf(chunk, { ...opened, environment, report, signal }, item);
  const place = await openItemVolumes(opened.environment.spec, volumes, index);
  opening.place = place;
  const steps = planRun(spec, place.volumes, dockerVolumes, found);
  const context = { ...opened, environment, report, volumes: place.volumes, steps };
  const known = listed && { _id: item.id, name: item.name, files: listed };
  const staged = await stageIn({ ...context, signal, preparation }, girder, known);
  return { ...facts, kind: 'ready', context, staged, place };
}

/** Checks what the input alone leads to in Girder, and each folder of results once. */
async function placesOf(
  { girder, uses, found, writable }: Chunk,
  context: Parameters<typeof checkPlaces>[0],
  { result: { folderId } }: ForEachItem,
): Promise<FoundPlaces> {
  const known = new Set(uses.map(keyOf));
  const own = girderUsesOf(context.environment.spec).filter(
    (use) => !known.has(keyOf(use)) && use.where !== `transform ${itemPathName}`,
  );
  const results: GirderUse[] = writable.has(folderId)
    ? []
    : [{ ...resultUse, to: { id: folderId }, where: 'the folder of the result' }];
  const more = await checkPlaces(context, girder, [...own, ...results]);
  writable.add(folderId);
  return new Map([...found, ...more]);
}

const resultUse = { kind: 'folder', access: 'write', as: 'files', isOptional: false } as const;

function keyOf({ kind, to, access }: GirderUse): string {
  return JSON.stringify([kind, to, access]);
}
