import type { Result } from '../../api/status.ts';
import type { GirderClient } from '../../girder/client.ts';
import { removeUploaded, uploadPath } from '../../girder/upload/path.ts';
import type { Refused } from '../../girder/upload/refusals.ts';
import type { UploadedFile, UploadedTree } from '../../girder/upload/tree.ts';
import { ConfinedPathError } from '../../io/confined-path.ts';
import { RunError } from '../../support/errors.ts';
import { type Span, traced } from '../../support/trace/trace.ts';
import type { RunContext } from '../context.ts';
import { containerPathOf, type HookStep, type InputPaths } from '../steps.ts';
import { inContext } from './attributed.ts';

/**
 * Does one hook; `inputs` are left out of a whole volume. The target is hostile: only regular files that are really
 * inside the volume are uploaded; what else there is in a directory fails the hook, after all else was uploaded, so
 * that nothing is left out in silence.
 * @throws RunError OutputMissing, OutputUnsafe, or why an upload failed
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

/** Deletes what is to be deleted and reports what was left out. */
async function concludeHook(context: RunContext, step: HookStep, uploaded: UploadedTree): Promise<void> {
  if (step.options.deleteFile) await deleteUploaded(context, step, uploaded);
  if (uploaded.refusedCounts.directory > 0 && isLeftOut(step, 'directory'))
    context.log.warn({ hook: step.hook }, 'directories are not uploaded into an item, only files are');
  const unsafe = unsafeCount(step, uploaded);
  if (unsafe > 0) throw new RunError('OutputUnsafe', unsafeText(step, uploaded, unsafe));
}

/** Those that could not be deleted are only warned of: the results are in Girder. */
async function deleteUploaded(
  { log }: RunContext,
  { hook, volume }: HookStep,
  { sources, unnoted }: UploadedTree,
): Promise<void> {
  const kept = await removeUploaded(volume.localPath, sources);
  const count = kept.length + unnoted;
  if (count > 0)
    log.warn({ hook, count, kept: kept.slice(0, mostLogged) }, 'these paths could not be deleted');
}

/** Nothing when there is nothing to upload and that is fine. */
async function upload(
  { report, signal }: RunContext,
  client: GirderClient,
  step: HookStep,
  { inputs, span }: { inputs: InputPaths; span: Span },
): Promise<UploadedTree | undefined> {
  const { name, volume, path, to, options } = step;
  const { deleteFile, ...traits } = options;
  using transfer = report.beginTransfer('upload', [name]);
  try {
    return await uploadPath(
      client,
      { root: volume.localPath, path, to, ...traits },
      {
        signal,
        keepSources: deleteFile,
        onProgress: (bytes, total) => {
          transfer.moved(bytes, total);
          span.set({ 'dockerrun.bytes': bytes });
        },
        // Of a whole volume, what the run itself downloaded into it is no result.
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

function resultOf({ hook }: HookStep, { itemId, fileId, name, path, size, sha256 }: UploadedFile): Result {
  return { hook, itemId, fileId, name, ...(path === name ? {} : { path }), size, sha256 };
}

/** The original leaves directories out of an item, too. */
function isLeftOut({ to }: HookStep, kind: Refused['kind']): boolean {
  return 'itemId' in to && kind === 'directory';
}

function explain(step: HookStep, error: ConfinedPathError): RunError {
  const where = `${hookName(step)}: ${containerPathOf(step)} in the target`;
  if (error.problem !== 'missing') {
    return new RunError('OutputUnsafe', `${where} is not uploaded: ${error.message}`, { cause: error });
  }
  const text = `${where} does not exist; set optional: true in girderResultHooks[${step.hook}] if that is fine`;
  return new RunError('OutputMissing', text, { cause: error });
}

function hookName({ hook, name }: HookStep): string {
  return `hook ${hook} (${name})`;
}

/** How many refusals a sentence lists before it only counts. */
const mostListed = 5;

/** How many paths a line of the log holds. */
const mostLogged = 100;

function unsafeCount(step: HookStep, { refusedCounts }: UploadedTree): number {
  const { directory, unsafe, name } = refusedCounts;
  return unsafe + name + (isLeftOut(step, 'directory') ? 0 : directory);
}

function unsafeText(step: HookStep, { refused, files }: UploadedTree, count: number): string {
  const listed = refused
    .filter(({ kind }) => !isLeftOut(step, kind))
    .slice(0, mostListed)
    .map(({ path, why }) => `${path} ${why}`);
  const more = count > listed.length ? [`and ${count - listed.length} more`] : [];
  const rest = files === 0 ? '' : ` (${files} other ${files === 1 ? 'file is' : 'files are'} in Girder)`;
  return `${hookName(step)}: of ${containerPathOf(step)} in the target not everything is uploaded: ${[...listed, ...more].join(', ')}${rest}`;
}
