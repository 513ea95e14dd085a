import { isPyObject, itemsOf, type PyObject } from './python-value.ts';
import { optionalText, requiredId, unknownClass } from './attributes.ts';
import { kindOf } from './class-kinds.ts';
import { connectOf, pipeOf } from './call-streams.ts';
import { Refusal } from './refusal.ts';
import type { RunParts } from './run-parts.ts';
import { volumeField } from './run-transforms.ts';
import { volumeTitle } from './run-volumes.ts';
import { isPlainName, pathInVolume } from './volume-paths.ts';

/** What an argument or a variable has in place of an object of the message, such as `$(file-1)`. */
export function textOfObject(object: PyObject, where: string, parts: RunParts): string {
  switch (kindOf(object)) {
    case 'GirderApiUrl':
      return withSlash(parts.source.targetApiUrl(object));
    case 'GirderToken':
      return reference(parts.secretArgument(parts.source.targetToken(object), 'targetToken'));
    case 'CommaJoinedVolumes':
      return joined(object, where, parts);
    case 'Connect':
      return connectText(object, where, parts);
    default:
      return reference(nameOfObject(object, where, parts));
  }
}

function reference(name: string): string {
  return `$(${name})`;
}

/** The name of the volume or transform that an object stands for. */
function nameOfObject(object: PyObject, where: string, parts: RunParts): string {
  switch (kindOf(object)) {
    case '_DefaultTemporaryVolume':
    case 'TemporaryVolume':
    case 'BindMountVolume':
      return parts.volumes.nameOf(object, where);
    case 'VolumePath':
      return pathName(object, parts);
    case 'GirderFileIdToVolume':
      return fileName(object, parts);
    case 'DirectGirderFileIdToVolume':
      return directFileName(object, parts);
    case 'GirderItemIdToVolume':
      return itemName(object, parts);
    case 'GirderFolderIdToVolume':
      return folderName(object, parts);
    case 'ProgressPipe':
      return parts.transforms.add('progress', { progressPipe: pipeOf(object, parts, true) });
    case 'NamedInputPipe':
      return parts.transforms.add('pipe', { namedInputPipe: pipeOf(object, parts, false) });
    case 'NamedOutputPipe':
      return parts.transforms.add('pipe', { namedOutputPipe: pipeOf(object, parts, false) });
    default:
      throw unknownClass(object, where);
  }
}

/** A stream that no argument names. */
export function addConnector(object: PyObject, where: string, parts: RunParts): void {
  const kind = kindOf(object);
  if (kind === 'Connect') connectText(object, where, parts);
  else if (kind === 'ProgressPipe') nameOfObject(object, where, parts);
  else throw unknownClass(object, where, 'Connect or ProgressPipe');
}

/** Girder Worker leaves an empty argument where neither side is a pipe. */
function connectText(object: PyObject, where: string, parts: RunParts): string {
  const { connect, hasPipe } = connectOf(object, where, parts);
  const name = parts.transforms.add('stream', { connect });
  return hasPipe ? reference(name) : '';
}

/** The name of a path in a volume, or of the volume itself. */
export function pathName(object: PyObject, parts: RunParts): string {
  const filename = pathInVolume(optionalText(object, 'filename') ?? '', 'the path of VolumePath');
  const volume = parts.volumes.nameOf(object.attributes.get('_volume'), volumeTitle(object));
  return filename === '.' ? volume : parts.transforms.path(filename, volume);
}

function fileName(object: PyObject, parts: RunParts): string {
  parts.source.useGirder(object);
  const [fileId, given] = [requiredId(object, '_file_id'), optionalText(object, '_filename')];
  const volume = parts.volumes.nameOf(object.attributes.get('_volume'), volumeTitle(object));
  const filename = given === undefined ? undefined : fileNameOf(given, parts);
  const place =
    filename === undefined ? {} : { filename: parts.transforms.filePlace(filename, volume, fileId) };
  return parts.transforms.once('file', {
    girderFileIdToVolume: { fileId, ...place, ...volumeField(volume) },
  });
}

/** Undefined for a name that cannot be one in a volume: then the file has the name that it has in Girder. */
function fileNameOf(given: string, parts: RunParts): string | undefined {
  const isUsable = given !== '' && !given.startsWith('/') && !given.split('/').includes('..');
  const filename = isUsable ? pathInVolume(given, 'the name of a file') : '.';
  if (filename !== '.') return filename;
  parts.notes.add(
    'An input file has a name that cannot be a path in a volume; it is in a directory of its own, with its name in Girder.',
  );
  return undefined;
}

/** From the disk of the node where the nodes have it, else a download. */
function directFileName(object: PyObject, parts: RunParts): string {
  const path = optionalText(object, '_direct_file_path');
  const place = path === undefined ? undefined : parts.source.nodePathOf(path);
  if (place === undefined) return fileName(object, parts);
  const fileId = requiredId(object, '_file_id');
  const given = optionalText(object, '_filename') ?? fileId;
  return parts.volumes.directFile(place, isPlainName(given.replaceAll('/', '_')) ? given : fileId, fileId);
}

function itemName(object: PyObject, parts: RunParts): string {
  parts.source.useGirder(object);
  const itemId = requiredId(object, '_item_id');
  const volume = parts.volumes.nameOf(object.attributes.get('_volume'), volumeTitle(object));
  return parts.transforms.once('item', { girderItemIdToVolume: { itemId, ...volumeField(volume) } });
}

function folderName(object: PyObject, parts: RunParts): string {
  parts.source.useGirder(object);
  const [folderId, given] = [requiredId(object, '_folder_id'), optionalText(object, '_folder_name')];
  const volume = parts.volumes.nameOf(object.attributes.get('_volume'), volumeTitle(object));
  const isUsable = given !== undefined && isPlainName(given);
  if (given !== undefined && given !== '' && !isUsable)
    parts.notes.add(
      'An input folder has a name that cannot be that of a directory; it has its name in Girder.',
    );
  const name = isUsable ? { folderName: given } : {};
  return parts.transforms.once('folder', {
    girderFolderIdToVolume: { folderId, ...name, ...volumeField(volume) },
  });
}

/** With the slash at the end that programs for Girder expect of the original. */
function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`;
}

function joined(object: PyObject, where: string, parts: RunParts): string {
  const volumes = itemsOf(object.attributes.get('_volumes'));
  if (volumes === undefined) throw new Refusal(`${where}: CommaJoinedVolumes has no list of files`);
  const names = volumes.map((volume) => {
    if (isPyObject(volume)) return reference(nameOfObject(volume, where, parts));
    throw new Refusal(`${where}: CommaJoinedVolumes has an element that is not a file`);
  });
  return names.join(',');
}
