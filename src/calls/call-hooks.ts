import { isPyDict, isPyObject, isTruthy, type PyObject, type PyValue } from './python-value.ts';
import { requiredId, unknownClass } from './attributes.ts';
import { kindOf } from './class-kinds.ts';
import { pathName } from './call-transforms.ts';
import { quote, Refusal } from './refusal.ts';
import type { RunParts } from './run-parts.ts';
import { isPlainName, pathInVolume } from './volume-paths.ts';

/** `spec.girderResultHooks`. They are added after everything else of the call. */
export function addHooks(hooks: readonly PyValue[], parts: RunParts): Record<string, unknown>[] {
  return hooks.map((hook, index) => {
    const where = `girder_result_hooks[${index}]`;
    if (!isPyObject(hook)) throw new Refusal(`${where} is not an object`);
    return hookOf(hook, where, parts);
  });
}

/** For messages. */
const uploads = 'GirderUploadVolumePathToItem or GirderUploadVolumePathToFolder';

function hookOf(hook: PyObject, where: string, parts: RunParts): Record<string, unknown> {
  switch (kindOf(hook)) {
    case 'GirderUploadVolumePathToItem':
      parts.source.useGirder(hook);
      return {
        girderUploadVolumePathToItem: {
          ...uploadOf(hook, where, parts),
          itemId: requiredId(hook, 'item_id'),
        },
      };
    case 'GirderUploadVolumePathToFolder':
      parts.source.useGirder(hook);
      return {
        girderUploadVolumePathToFolder: {
          ...uploadOf(hook, where, parts),
          folderId: requiredId(hook, 'folder_id'),
          // Girder Worker always makes a new item, and plugins wait for its upload.
          ifExists: 'NewItem',
        },
        ...(isTruthy(hook.attributes.get('must_exist') ?? true) ? {} : { optional: true }),
      };
    case 'GirderUploadVolumePathJobArtifact':
      throw new Refusal(
        `${where}: GirderUploadVolumePathJobArtifact uploads to a route that no Girder has; use ${uploads}`,
      );
    default:
      throw unknownClass(hook, where, uploads);
  }
}

function uploadOf(hook: PyObject, where: string, parts: RunParts): Record<string, unknown> {
  const path = hook.attributes.get('_volumepath');
  if (!isPyObject(path)) throw new Refusal(`${where} has no path in a volume (_volumepath)`);
  const deleteFile = isTruthy(hook.attributes.get('delete_file')) ? { deleteFile: true } : {};
  return { volumePath: sourceOf(path, where, parts), ...deleteFile, ...optionsOf(hook, where) };
}

/**
 * The name of the path in the arguments that is equal to the hook's, or of one more path. In a message each hook is
 * pickled by itself, with only the class of a TemporaryVolume: its volume is found by the paths, not by its identity.
 */
function sourceOf(path: PyObject, where: string, parts: RunParts): string {
  const volume = path.attributes.get('_volume');
  const kind = kindOf(path);
  if (parts.volumes.has(path)) return parts.volumes.nameOf(path, `${where}._volumepath`);
  if (parts.volumes.has(volume)) return pathName(path, parts);
  if (kind === 'TemporaryVolume')
    throw new Refusal(
      `${where} uploads a whole TemporaryVolume that no argument has; use TemporaryVolume.default for results`,
    );
  if (kind !== 'VolumePath') return parts.volumes.nameOf(path, `${where}._volumepath`);
  if (!isPyObject(volume) || kindOf(volume) !== 'TemporaryVolume') return pathName(path, parts);
  const given = path.attributes.get('filename');
  const filename = pathInVolume(typeof given === 'string' ? given : '', 'the path of VolumePath');
  const found = parts.transforms.volumesWith(filename, (name) => parts.volumes.isTemporary(name));
  const [only, other] = found;
  if (only !== undefined && other === undefined) {
    parts.notes.add(
      `The result ${quote(filename)} is taken from the only temporary volume in which an argument has it; Girder Worker could not find it.`,
    );
    return parts.transforms.path(filename, only);
  }
  const places = only === undefined ? 'no argument has' : `${found.length} volumes of the arguments have`;
  throw new Refusal(
    `${where} uploads ${quote(filename)} from a TemporaryVolume that cannot be identified: ${places} a path of this name; use TemporaryVolume.default for results`,
  );
}

const optionNames = ['reference', 'mimeType', 'filename'];

function optionsOf(hook: PyObject, where: string): Record<string, string> {
  const given: PyValue | undefined = hook.attributes.get('upload_kwargs');
  if (given === null || given === undefined) return {};
  if (!isPyDict(given)) throw new Refusal(`${where}: upload_kwargs is not a dictionary`);
  const options = [...given.entries].flatMap(([name, value]): [string, string][] => {
    if (value === null) return [];
    if (typeof name !== 'string' || !optionNames.includes(name) || typeof value !== 'string')
      throw new Refusal(
        `${where}: upload_kwargs has more than the texts ${optionNames.join(', ')}, which are the options of a result`,
      );
    if (name === 'filename' && value !== '' && !isPlainName(value))
      throw new Refusal(`${where}: the filename of upload_kwargs is not the name of one file`);
    return value === '' ? [] : [[name, value]];
  });
  return Object.fromEntries(options);
}
