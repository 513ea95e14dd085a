import { posix } from 'node:path';
import { itemPathName, type ForEach, resultDirectory, resultPathName, sharedDirectory } from './for-each.ts';
import { isRecord } from './json-values.ts';
import { usedItemNames } from './references.ts';
import { isSharedDownload, pathOf, resultUploadsOf, sharedVolumesOf } from './spec-usage.ts';
import type { DockerRunSpec } from './spec.ts';
import { containerPathOfVolume } from './volumes.ts';

/** What is wrong with `forEach`, or with the use of an input's values. One sentence for each problem. */
export function forEachProblems(spec: DockerRunSpec): string[] {
  const { forEach } = spec;
  if (forEach === undefined) return valuesWithoutInputs(spec);
  return [
    ...reservedNames(spec),
    ...conflictingFields(spec),
    ...misplacedValues(spec),
    ...missingValues(spec, forEach),
    ...wrongIds(spec, forEach),
    ...volumeProblems(spec),
    ...sameResults(forEach),
  ];
}

/** The names that texts of a run may use for the paths and the values of an input. */
export function itemNamesOf({ forEach }: DockerRunSpec): string[] {
  if (forEach === undefined) return [];
  const [first, ...others] = forEach.items.map(({ values = {} }) => new Set(Object.keys(values)));
  const common = [...(first ?? [])].filter((name) => others.every((names) => names.has(name)));
  return [itemPathName, resultPathName, ...common];
}

/** Whether a name stands for a path or a value of an input, which only a run of a set has. */
export function isItemName(name: string): boolean {
  return name === itemPathName || name === resultPathName || name.startsWith(`${itemPathName}.`);
}

/** A field that holds the id of a document in Girder. */
type IdField = { readonly field: string; readonly id: string };

function idFields({ transforms = [], girderResultHooks = [] }: DockerRunSpec): IdField[] {
  return [...idsIn('spec.transforms', transforms), ...idsIn('spec.girderResultHooks', girderResultHooks)];
}

const idNames = new Set(['fileId', 'itemId', 'folderId']);

function idsIn(field: string, value: unknown): IdField[] {
  if (Array.isArray(value)) return value.flatMap((one, index) => idsIn(`${field}[${index}]`, one));
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([name, one]): IdField[] => {
    const inner = `${field}.${name}`;
    // Metadata may have any names.
    if (name === 'metadata') return [];
    return idNames.has(name) && typeof one === 'string' ? [{ field: inner, id: one }] : idsIn(inner, one);
  });
}

/** The name that an id consists of, such as `item.file.id`. */
function nameIn(id: string): string | undefined {
  return /^[$][(](.+)[)]$/.exec(id)?.[1];
}

function valuesWithoutInputs(spec: DockerRunSpec): string[] {
  return idFields(spec)
    .filter(({ id }) => nameIn(id) !== undefined)
    .map(({ field, id }) => `${field}: ${id} has a value only in the runs of a DockerRunSet; write an id`);
}

function reservedNames({ transforms = [], volumes = [] }: DockerRunSpec): string[] {
  const isReserved = ({ name }: { name: string }) => name === itemPathName || name === resultPathName;
  const stands = 'stands for a path of the input in a run with forEach; choose another name';
  return [
    ...transforms.filter(isReserved).map(({ name }) => `spec.transforms: the name ${name} ${stands}`),
    ...volumes.filter(isReserved).map(({ name }) => `spec.volumes: the name ${name} ${stands}`),
  ];
}

/** A job and a log of Girder are those of one target; a kept container would stay for each input. */
function conflictingFields({ girder, removeContainer }: DockerRunSpec): string[] {
  const problems: [boolean, string][] = [
    [girder?.job !== undefined, 'spec.girder.job: a job shows one target; remove it, or remove forEach'],
    [girder?.log !== undefined, 'spec.girder.log: with forEach the log of each input is set by forEach.log'],
    [
      girder?.credentialsSecretRef === undefined,
      'spec.girder.credentialsSecretRef: forEach requires it, as inputs and results are in Girder',
    ],
    [!removeContainer, 'spec.removeContainer: false would keep a container for each input of forEach'],
  ];
  return problems.filter(([isProblem]) => isProblem).map(([, text]) => text);
}

/**
 * The values come from Girder, where others may have written them: they must not choose images, Secrets, paths of
 * the node or the address of a stream, all of which the policy checks before.
 */
function misplacedValues(spec: DockerRunSpec): string[] {
  const { command, args, env = [], transforms = [], girderResultHooks, forEach, ...others } = spec;
  const elsewhere = Object.entries(others).flatMap(([field, value]) =>
    usedItemNames([value, isRecord(value) ? Object.keys(value) : []]).map((name) =>
      misplaced(`spec.${field}`, name),
    ),
  );
  const inSources = env.flatMap(({ name: variable, valueFrom }, index) =>
    usedItemNames([variable, valueFrom]).map((name) => misplaced(`spec.env[${index}]`, name)),
  );
  const inStreams = transforms.flatMap(({ name: transform, connect }) => {
    const { url, headers = [] } = connect?.output.chunkedTransferEncodingStream ?? {};
    const field = `spec.transforms: ${transform}.connect.output.chunkedTransferEncodingStream`;
    return usedItemNames([url, headers.map(({ name, valueFrom }) => [name, valueFrom])]).map((name) =>
      misplaced(field, name),
    );
  });
  return [...elsewhere, ...inSources, ...inStreams];
}

function misplaced(field: string, name: string): string {
  return `${field}: $(${name}) has no value there; use it in command, args, the value of a variable or header, transforms or girderResultHooks`;
}

/** A message names at most this many inputs. */
const maxListed = 3;

function missingValues(spec: DockerRunSpec, { items }: ForEach): string[] {
  return usedItemNames({ ...spec, forEach: undefined }).flatMap((name) => {
    const without = items.filter(({ values = {} }) => !Object.hasOwn(values, name));
    if (without.length === 0) return [];
    const listed = without.slice(0, maxListed).map(({ id }) => id);
    return [
      `spec.forEach.items: ${without.length} of ${items.length} have no value of $(${name}), such as ${listed.join(', ')}`,
    ];
  });
}

const girderIds = /^[0-9a-f]{24}$/;

function wrongIds(spec: DockerRunSpec, { items }: ForEach): string[] {
  return idFields(spec).flatMap(({ field, id }) => {
    const name = nameIn(id);
    const wrong = items.find(({ values = {} }) => {
      const value = name === undefined ? undefined : values[name];
      return value !== undefined && !girderIds.test(value);
    });
    return wrong === undefined
      ? []
      : [`${field}: the value of ${id} for input ${wrong.id} is not an id of Girder`];
  });
}

/** Inputs never see each other's files: what belongs to one is in temporary volumes, which each has for itself. */
function volumeProblems(spec: DockerRunSpec): string[] {
  const { volumes = [], transforms = [], dockerVolumes = {} } = spec;
  const lasting = new Set(volumes.filter(({ temporary }) => temporary === undefined).map(({ name }) => name));
  const shared = new Set(sharedVolumesOf(spec));
  const inLasting = transforms.flatMap((transform) => {
    const place = pathOf(transform);
    const isOwnDownload = place?.kind === 'download' && !isSharedDownload(transform);
    if (!isOwnDownload || !lasting.has(place.volume)) return [];
    return [
      `spec.transforms: ${transform.name}.${place.field}.volume: what is downloaded for one input needs a temporary volume, and ${place.volume} is shared by all`,
    ];
  });
  const inShared = transforms
    .filter((transform) => !isSharedDownload(transform) && shared.has(pathOf(transform)?.volume ?? ''))
    .map(({ name }) => `spec.transforms: ${name}: its volume ${holdsShared}`);
  const uploads = resultUploadsOf(spec)
    .filter(({ volume }) => shared.has(volume))
    .map(({ field }) => `${field}.volumePath: its volume ${holdsShared}`);
  const mounts = [
    ...volumes.map((volume) => ({
      field: `spec.volumes: ${volume.name}`,
      path: containerPathOfVolume(volume),
    })),
    ...Object.entries(dockerVolumes).map(([host, { bind }]) => ({
      field: `spec.dockerVolumes: ${host}`,
      path: bind,
    })),
  ];
  const taken = mounts
    .filter(({ path }) =>
      [resultDirectory, sharedDirectory].includes(posix.normalize(`${path}/`).slice(0, -1)),
    )
    .map(({ field, path }) => `${field}: ${path} is where forEach mounts a directory of its own`);
  return [...inLasting, ...inShared, ...uploads, ...taken];
}

const holdsShared =
  'holds downloads that all inputs share, so that targets can only read it; use another one';

/** The second input would take the result of the first for an old one of its own. */
function sameResults({ items }: ForEach): string[] {
  const owners = new Map<string, string>();
  return items.flatMap(({ id, result: { folderId, name } }) => {
    const key = `${folderId}/${name.trim()}`;
    const other = owners.get(key);
    owners.set(key, other ?? id);
    return other === undefined ? [] : [`spec.forEach.items: ${other} and ${id} have the same result item`];
  });
}
