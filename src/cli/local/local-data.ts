import { access, constants, cp, lstat, mkdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { defined, isRecord, textOf } from '../../api/json-values.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import { pathOf } from '../../api/spec-usage.ts';
import { describe, errorCode, RunError } from '../../support/errors.ts';
import type { OpenVolumes, SharedVolume } from '../../worker/run-environment.ts';
import { type LocalData, UsageError } from '../arguments.ts';
import type { Fields } from '../offline/manifest.ts';

const downloads = [
  'girderFileIdToVolume',
  'girderItemIdToVolume',
  'girderFolderIdToVolume',
  'girderMetadataToVolume',
] as const;

/**
 * The DockerRun in which every transform with local data is a `volumePath`, without the uploads that `--output`
 * replaces, and without `girder` when nothing of Girder is left. Ids may be missing where local data takes their
 * place, so this comes before the validation.
 * @throws UsageError for a name that no suitable transform has
 */
export function withLocalData(run: Fields, { inputs, outputs }: LocalData): Fields {
  if (inputs.size === 0 && outputs.size === 0) return run;
  const spec = isRecord(run['spec']) ? run['spec'] : {};
  const given = listOf(spec['transforms']);
  for (const [option, names] of [
    ['--input', inputs],
    ['--output', outputs],
  ] as const)
    for (const name of names.keys())
      if (!given.some((one) => one['name'] === name))
        throw new UsageError(`${option} ${name}: spec.transforms has no transform of that name`);
  const transforms = given.map((transform) => {
    const name = textOf(transform['name']) ?? '';
    const [input, output] = [inputs.get(name), outputs.get(name)];
    if (input !== undefined) return inputPath(transform, name, input);
    return output === undefined ? transform : outputPath(transform, name);
  });
  const hooks = listOf(spec['girderResultHooks']).filter((hook) => !outputs.has(sourceOf(hook) ?? ''));
  const { girder, girderResultHooks: _, ...others } = spec;
  const kept = hooks.length === 0 ? {} : { girderResultHooks: hooks };
  const needsGirder = hooks.length > 0 || transforms.some(usesGirder);
  return {
    ...run,
    spec: { ...others, transforms, ...kept, ...(needsGirder && girder !== undefined ? { girder } : {}) },
  };
}

function listOf(value: unknown): Fields[] {
  return Array.isArray(value) ? (value as unknown[]).filter(isRecord) : [];
}

/** The name of the volumePath or volume that a hook uploads. */
function sourceOf(hook: Fields): string | undefined {
  const uploads = [hook['girderUploadVolumePathToItem'], hook['girderUploadVolumePathToFolder']];
  return uploads
    .filter(isRecord)
    .map(({ volumePath }) => textOf(volumePath))
    .find(Boolean);
}

function usesGirder(transform: Fields): boolean {
  return downloads.some((kind) => kind in transform) || JSON.stringify(transform).includes('"girder');
}

/** A download keeps its name and its volume; a stream becomes a file where its pipe would be. */
function inputPath(transform: Fields, name: string, local: string): Fields {
  const download = downloads.map((kind) => transform[kind]).find(isRecord);
  const pipe = isRecord(transform['connect']) ? pipeIn(transform['connect']) : undefined;
  if (download !== undefined) {
    const chosen = textOf(download['folderName']);
    const filename = textOf(download['filename']) ?? `${name}/${chosen ?? basename(resolve(local))}`;
    return asVolumePath(name, filename, download);
  }
  if (pipe !== undefined) return asVolumePath(name, textOf(pipe['name']) ?? name, pipe);
  throw new UsageError(`--input ${name}: the transform takes nothing from Girder`);
}

function pipeIn({ input, output }: Fields): Fields | undefined {
  const pipe = isRecord(output) ? output['namedInputPipe'] : undefined;
  return isRecord(input) && 'girderFileIdToStream' in input && isRecord(pipe) ? pipe : undefined;
}

/** A stream that the target writes to Girder becomes a file where its pipe would be. */
function outputPath(transform: Fields, name: string): Fields {
  if (isRecord(transform['volumePath'])) return transform;
  const connect = isRecord(transform['connect']) ? transform['connect'] : {};
  const input = isRecord(connect['input']) ? connect['input'] : {};
  if (isRecord(input['namedOutputPipe'])) {
    const pipe = input['namedOutputPipe'];
    return asVolumePath(name, textOf(pipe['name']) ?? name, pipe);
  }
  const isStream = 'containerStdOut' in input || 'containerStdErr' in input;
  const hint = isStream ? "redirect dockerrun's own output instead" : 'it must be a volumePath';
  throw new UsageError(`--output ${name}: the transform is not a path that the target writes; ${hint}`);
}

function asVolumePath(name: string, filename: string, { volume, containerPath }: Fields): Fields {
  return { name, volumePath: { filename, ...defined({ volume, containerPath }) } };
}

/**
 * Checks before anything starts that the inputs exist, and are files or directories as their transforms need, and that
 * the results can be written: after the run, it would be too late for them.
 * @throws UsageError
 */
export async function checkLocalData(run: Fields, { inputs, outputs }: LocalData): Promise<void> {
  for (const [name, path] of outputs) await checkOutput(name, path);
  const transforms = listOf(isRecord(run['spec']) ? run['spec']['transforms'] : undefined);
  for (const [name, path] of inputs) {
    const found = await stat(path).catch((error: unknown) => {
      throw new UsageError(`--input ${name}: cannot read ${path}: ${describe(error)}`);
    });
    const transform = transforms.find((one) => one['name'] === name) ?? {};
    const isFolder = 'girderFolderIdToVolume' in transform;
    const isFile = ['girderFileIdToVolume', 'girderMetadataToVolume', 'connect'].some(
      (kind) => kind in transform,
    );
    if ((isFolder && !found.isDirectory()) || (isFile && !found.isFile()))
      throw new UsageError(`--input ${name}: ${path} is not a ${isFolder ? 'directory' : 'file'}`);
  }
}

async function checkOutput(name: string, given: string): Promise<void> {
  try {
    let place = resolve(given);
    let found = await statIfThere(place);
    // A file that exists is replaced, which a file that may be written allows.
    if (found?.isFile() === true && !given.endsWith('/') && !given.endsWith(sep))
      return await access(place, constants.W_OK);
    // What is missing of the path is created in the last directory that exists.
    while (found === undefined) {
      place = dirname(place);
      found = await statIfThere(place);
    }
    if (!found.isDirectory()) throw new Error(`${place} is not a directory`);
    await access(place, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new UsageError(`--output ${name}: cannot write ${given}: ${describe(error)}`);
  }
}

/** Undefined for a path that does not exist; a file in the place of a directory above it is an error. */
async function statIfThere(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whether a result goes into the directory at this path, as the user has given it, rather than to the path itself. */
export async function isForDirectory(given: string): Promise<boolean> {
  if (given.endsWith('/') || given.endsWith(sep)) return true;
  return stat(given).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** A path of this machine, and the path in a volume that it is copied to or from. */
type Copy = {
  readonly option: string;
  /** As the user has written it; `local` is absolute. */
  readonly given: string;
  readonly local: string;
  readonly inVolume: string;
  readonly volume: SharedVolume;
};

/** Copies local data into the volumes of a run, and results out of them, in place of Girder. */
export class DataCopies {
  readonly #spec: DockerRunSpec;
  readonly #data: LocalData;
  #volumes: OpenVolumes | undefined;

  constructor(spec: DockerRunSpec, data: LocalData) {
    this.#spec = spec;
    this.#data = data;
  }

  /**
   * Opens the volumes and copies the inputs into them. The results are copied after the run, so the volumes stay
   * until `removeVolumes`.
   * @throws RunError DownloadFailed
   */
  async open(openVolumes: () => Promise<OpenVolumes>): Promise<OpenVolumes> {
    const opened = await openVolumes();
    this.#volumes = opened;
    for (const copy of this.#copies('--input', this.#data.inputs)) await copyIn(copy);
    return { ...opened, remove: async () => undefined };
  }

  /** Copies what the target wrote, and returns a line for each copy. @throws RunError OutputMissing, UploadFailed */
  async copyResults(): Promise<string[]> {
    const lines: string[] = [];
    for (const copy of this.#copies('--output', this.#data.outputs)) lines.push(await copyOut(copy));
    return lines;
  }

  /** Removes the temporary volumes, and the copies in the others. */
  async removeVolumes(signal: AbortSignal): Promise<void> {
    for (const { inVolume, volume } of this.#copies('--input', this.#data.inputs))
      if (!volume.temporary) await rm(inVolume, { recursive: true, force: true });
    await this.#volumes?.remove(signal);
  }

  #copies(option: string, paths: ReadonlyMap<string, string>): Copy[] {
    return (this.#spec.transforms ?? []).flatMap((transform): Copy[] => {
      const given = paths.get(transform.name);
      const place = pathOf(transform);
      const volume = this.#volumes?.volumes.find(({ name }) => name === place?.volume);
      if (given === undefined || place?.path === undefined || volume === undefined) return [];
      const inVolume = join(volume.localPath, place.path);
      return [{ option: `${option} ${transform.name}`, given, local: resolve(given), inVolume, volume }];
    });
  }
}

async function copyIn({ option, local, inVolume }: Copy): Promise<void> {
  try {
    await mkdir(dirname(inVolume), { recursive: true });
    // A copy, so that a target which changes its inputs does not change the user's files.
    const mode = constants.COPYFILE_FICLONE;
    await cp(local, inVolume, { recursive: true, dereference: true, errorOnExist: true, force: false, mode });
  } catch (error) {
    throw new RunError('DownloadFailed', `${option}: cannot copy ${local}: ${describe(error)}`);
  }
}

/** Into a directory that exists, as cp does, or that the user has called one. */
async function copyOut({ option, given, local, inVolume }: Copy): Promise<string> {
  const to = (await isForDirectory(given)) ? join(local, basename(inVolume)) : local;
  try {
    await mkdir(dirname(to), { recursive: true });
    await cp(inVolume, to, { recursive: true, filter: (path) => isNoLink(path, option) });
  } catch (error) {
    if (error instanceof RunError) throw error;
    const reason = errorCode(error) === 'ENOENT' ? 'OutputMissing' : 'UploadFailed';
    throw new RunError(reason, `${option}: cannot copy the result to ${to}: ${describe(error)}`);
  }
  return `result ${basename(inVolume)}: ${to}`;
}

/** As an upload to Girder, a copy follows no link: it could lead to any file of this machine. */
async function isNoLink(path: string, option: string): Promise<boolean> {
  if (!(await lstat(path)).isSymbolicLink()) return true;
  throw new RunError('OutputUnsafe', `${option}: ${basename(path)} is a symbolic link`);
}
