import type { Result } from '../api/status.ts';
import type { GirderClient } from '../girder/client.ts';
import { removeUploaded, uploadPath } from '../girder/upload-path.ts';
import type { Refused, UploadedFile, UploadedTree } from '../girder/upload-tree.ts';
import { ConfinedPathError } from '../io/confined-path.ts';
import { RunError } from '../support/errors.ts';
import { containerPathOf, type HookStep } from './hook-steps.ts';
import type { InputPaths } from './input-paths.ts';
import type { RunSupport } from './run-support.ts';

/** `inputs` are left out of a whole volume. */
export type HookSupport = RunSupport & { readonly inputs: InputPaths };

/**
 * Does one hook. The target is hostile: only regular files that are really inside the volume are uploaded; what else
 * there is in a directory fails the hook, after all else was uploaded, so that nothing is left out in silence.
 * @throws RunError OutputMissing, OutputUnsafe, or why an upload failed
 */
export async function uploadHook(client: GirderClient, step: HookStep, support: HookSupport): Promise<void> {
  const uploaded = await upload(client, step, support);
  if (uploaded === undefined) return;
  const { deleteFile } = step.options;
  const { localPath } = step.volume;
  if (deleteFile) {
    const kept = await removeUploaded(localPath, uploaded.sources);
    if (kept.length > 0) support.log.warn({ hook: step.hook, kept }, 'these paths could not be deleted');
  }
  const unsafe = uploaded.refused.filter((refused) => !isLeftOut(step, refused));
  if (unsafe.length < uploaded.refused.length) {
    support.log.warn({ hook: step.hook }, 'directories are not uploaded into an item, only files are');
  }
  if (unsafe.length > 0) throw new RunError('OutputUnsafe', unsafeText(step, unsafe, uploaded.files));
}

/** Nothing when there is nothing to upload and that is fine. */
async function upload(
  client: GirderClient,
  step: HookStep,
  { report, signal, inputs }: HookSupport,
): Promise<UploadedTree | undefined> {
  const { name, volume, path, to, options } = step;
  const { deleteFile: _, ...traits } = options;
  try {
    return await uploadPath(
      client,
      { root: volume.localPath, path, to, ...traits },
      {
        signal,
        onProgress: (bytes, total) => report.transferred('upload', name, bytes, total),
        // Of a whole volume, what the run itself downloaded into it is no result.
        ignore: (below) => path === undefined && inputs.get(volume)?.has(below) === true,
        onUploaded: (file) => void report.results.push(resultOf(step, file)),
      },
    );
  } catch (error) {
    if (!(error instanceof ConfinedPathError)) throw error;
    if (error.problem === 'missing' && step.optional) return undefined;
    throw explain(step, error);
  }
}

function resultOf({ hook }: HookStep, { itemId, fileId, name, path, size, sha256 }: UploadedFile): Result {
  return { hook, itemId, fileId, name, ...(path === name ? {} : { path }), size, sha256 };
}

/** The original leaves directories out of an item, too. */
function isLeftOut({ to }: HookStep, { kind }: Refused): boolean {
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

function unsafeText(step: HookStep, refused: readonly Refused[], files: number): string {
  const listed = refused.slice(0, mostListed).map(({ path, why }) => `${path} ${why}`);
  const more = refused.length > mostListed ? [`and ${refused.length - mostListed} more`] : [];
  const rest = files === 0 ? '' : ` (${files} other ${files === 1 ? 'file is' : 'files are'} in Girder)`;
  return `${hookName(step)}: of ${containerPathOf(step)} in the target not everything is uploaded: ${[...listed, ...more].join(', ')}${rest}`;
}
