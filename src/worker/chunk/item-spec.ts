import { type ForEachItem, itemPathName, resultPathName, sharedVolumeName } from '../../api/for-each.ts';
import { temporaryVolumeName } from '../../api/names.ts';
import { expandReferences, referencedNames } from '../../api/references.ts';
import { isSharedDownload, pathOf } from '../../api/spec-usage.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import type { Transform } from '../../api/transforms.ts';
import { RunError } from '../../support/errors.ts';

/** The specs that a run with forEach consists of: one for what all inputs share, and one for each input. */

/**
 * What `$(item.…)` stands for.
 * @throws RunError InvalidSpec for a value that no argument can hold
 */
export function itemValues({ values = {} }: ForEachItem): ReadonlyMap<string, string> {
  for (const [name, value] of Object.entries(values)) {
    if (value.includes('\0')) {
      throw new RunError('InvalidSpec', `the value of $(${name}) has a NUL byte, which no argument can hold`);
    }
  }
  return new Map(Object.entries(values));
}

/**
 * The ordinary spec of one input. Command, arguments and variables keep their names: they are expanded later, in one
 * step with the paths, so that a value that looks like a name stays text.
 * @throws RunError InvalidSpec for a value that no argument can hold
 */
export function itemSpec(spec: DockerRunSpec, item: ForEachItem): DockerRunSpec {
  const values = itemValues(item);
  const { forEach, transforms = [], girderResultHooks = [], ...others } = spec;
  const own = transforms.filter((transform) => !isSharedDownload(transform));
  const input = usesInput(spec) ? [inputOf(item, forEach?.each ?? 'Item')] : [];
  return {
    ...others,
    transforms: [...input, ...expanded(own, values)],
    girderResultHooks: expanded(girderResultHooks, values),
  };
}

/** The downloads that are the same for all inputs. Those in the volume that each input has for itself get another. */
export function sharedSpec(spec: DockerRunSpec): DockerRunSpec {
  const { forEach: _, transforms = [], girderResultHooks: __, ...others } = spec;
  return { ...others, transforms: transforms.filter(isSharedDownload).map(moved) };
}

/** Whether the files of an input are downloaded; without `$(item)` nothing could find them. */
export function usesInput({ command = [], args = [], env = [] }: DockerRunSpec): boolean {
  const texts = [...command, ...args, ...env.map(({ value = '' }) => value)];
  return texts.flatMap(referencedNames).includes(itemPathName);
}

/** Whether shared downloads need a volume of their own. */
export function usesSharedVolume(spec: DockerRunSpec): boolean {
  const { transforms = [] } = sharedSpec(spec);
  return transforms.some((transform) => pathOf(transform)?.volume === sharedVolumeName);
}

/** The volume with the directory that becomes the result; `$(result)` stands for its path. */
export const resultVolumeName = resultPathName;

function inputOf({ id }: ForEachItem, each: 'Item' | 'Folder'): Transform {
  return each === 'Item'
    ? { name: itemPathName, girderItemIdToVolume: { itemId: id } }
    : { name: itemPathName, girderFolderIdToVolume: { folderId: id } };
}

function moved(transform: Transform): Transform {
  if (pathOf(transform)?.volume !== temporaryVolumeName) return transform;
  const volume = sharedVolumeName;
  const { girderFileIdToVolume: file, girderItemIdToVolume: item } = transform;
  if (file !== undefined) return { ...transform, girderFileIdToVolume: { ...file, volume } };
  if (item !== undefined) return { ...transform, girderItemIdToVolume: { ...item, volume } };
  return { ...transform, girderFolderIdToVolume: { ...transform.girderFolderIdToVolume, volume } };
}

/** A copy with the names in every text replaced, but not in the keys of objects. */
function expanded<T>(value: T, values: ReadonlyMap<string, string>): T {
  return JSON.parse(JSON.stringify(value), (_, one: unknown) =>
    typeof one === 'string' ? expandReferences(one, values) : one,
  ) as T;
}

/** The text with what is not printable left out, for the log of the pod. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{fffd}');
}
