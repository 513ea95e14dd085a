import { posix } from 'node:path';
import { parseQuantity } from './quantity.ts';
import { temporaryVolumeName, temporaryVolumePath } from './names.ts';
import { referencedNames } from './references.ts';
import type { DockerRunSpec } from './spec.ts';

/**
 * What is wrong in a spec that the schema alone cannot see: names that nothing declares, one name for two things,
 * two mounts at one place. Gives one sentence per problem, each with the field; none when the spec is good.
 */
export function validateSpec(spec: DockerRunSpec): string[] {
  const large = tooLarge(spec);
  if (large.length > 0) return large;
  return [
    ...duplicateNames(spec),
    ...unknownReferences(spec),
    ...unknownVolumes(spec),
    ...unknownUploads(spec),
    ...collidingMounts(spec),
    ...collidingDownloads(spec),
    ...impossibleResources(spec),
  ];
}

/** How many names a sentence lists before it only counts. */
const mostListed = 10;

function listed(names: readonly string[]): string {
  const more = names.length - mostListed;
  return names.slice(0, mostListed).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/**
 * The run travels to its worker in one environment variable, which Linux limits to 128 KiB (MAX_ARG_STRLEN); the
 * rest is for what the controller adds.
 */
const mostBytes = 100 * 1024;

function tooLarge(spec: DockerRunSpec): string[] {
  const bytes = Buffer.byteLength(JSON.stringify(spec));
  if (bytes <= mostBytes) return [];
  return [
    `spec: it has ${bytes} bytes as JSON, and at most ${mostBytes} fit into a run; put the rest into a file`,
  ];
}

function volumeNames(spec: DockerRunSpec): string[] {
  return [temporaryVolumeName, ...(spec.volumes ?? []).map((volume) => volume.name)];
}

function transformNames(spec: DockerRunSpec): string[] {
  return (spec.transforms ?? []).map((transform) => transform.name);
}

function duplicateNames(spec: DockerRunSpec): string[] {
  const volumes = new Set(volumeNames(spec));
  return transformNames(spec)
    .filter((name) => volumes.has(name))
    .map((name) => `spec.transforms: "${name}" is also the name of a volume, so $(${name}) could mean both`);
}

function unknownReferences(spec: DockerRunSpec): string[] {
  const known = new Set([...volumeNames(spec), ...transformNames(spec)]);
  const choice = listed([...known]);
  return (['command', 'args'] as const).flatMap((field) =>
    (spec[field] ?? []).flatMap((text, index) =>
      referencedNames(text)
        .filter((name) => !known.has(name))
        .map(
          (name) =>
            `spec.${field}[${index}]: $(${name}) is no volume or transform of this run (known: ${choice}); write $$(${name}) if the text itself is meant`,
        ),
    ),
  );
}

function unknownVolumes(spec: DockerRunSpec): string[] {
  const known = new Set(volumeNames(spec));
  return (spec.transforms ?? []).flatMap((transform) => {
    const [field, volume] =
      transform.girderFileIdToVolume !== undefined
        ? ['girderFileIdToVolume', transform.girderFileIdToVolume.volume]
        : ['volumePath', transform.volumePath?.volume];
    if (volume === undefined || known.has(volume)) return [];
    return [`spec.transforms: ${transform.name}.${field}.volume: "${volume}" is no volume of this run`];
  });
}

function unknownUploads(spec: DockerRunSpec): string[] {
  const paths = new Set((spec.transforms ?? []).filter((t) => t.volumePath !== undefined).map((t) => t.name));
  return (spec.girderResultHooks ?? []).flatMap((hook, index) => {
    const name = hook.girderUploadVolumePathToItem?.volumePath;
    if (name === undefined || paths.has(name)) return [];
    return [
      `spec.girderResultHooks[${index}].girderUploadVolumePathToItem.volumePath: "${name}" is no volumePath transform of this run`,
    ];
  });
}

function collidingMounts(spec: DockerRunSpec): string[] {
  const seen = new Map([[`${temporaryVolumePath}/`, temporaryVolumeName]]);
  const problems: string[] = [];
  for (const { field, path } of mountPaths(spec)) {
    const key = posix.normalize(`${path}/`);
    const other = seen.get(key);
    if (other !== undefined) problems.push(`${field}: ${other} is mounted at ${path} already`);
    else if (key === '/') problems.push(`${field}: the root directory of the target cannot be a mount`);
    seen.set(key, field);
  }
  return problems;
}

function mountPaths(spec: DockerRunSpec): { field: string; path: string }[] {
  return [
    ...(spec.volumes ?? []).flatMap(({ name, bindMount }) =>
      bindMount === undefined ? [] : [{ field: `spec.volumes: ${name}`, path: bindMount.containerPath }],
    ),
    ...Object.entries(spec.dockerVolumes ?? {}).map(([host, { bind }]) => ({
      field: `spec.dockerVolumes: ${host}`,
      path: bind,
    })),
  ];
}

/** Two files cannot have one path; one file under two names can. */
function collidingDownloads(spec: DockerRunSpec): string[] {
  const files = new Map<string, string>();
  return (spec.transforms ?? []).flatMap(({ name, girderFileIdToVolume: download }) => {
    if (download?.filename === undefined) return [];
    const place = `${download.volume ?? temporaryVolumeName}: ${posix.normalize(download.filename)}`;
    const other = files.get(place) ?? download.fileId;
    files.set(place, other);
    if (other === download.fileId) return [];
    return [`spec.transforms: ${name}.girderFileIdToVolume: another file is downloaded to ${place} already`];
  });
}

/** What the Docker Engine takes at least: 6 MiB, and a hundredth of a CPU. */
const least = { memory: 6 * 2 ** 20, cpu: 0.01 } as const;

function impossibleResources({ resources }: DockerRunSpec): string[] {
  return (['cpu', 'memory'] as const).flatMap((name) => {
    const [limit, request] = [resources?.limits?.[name], resources?.requests?.[name]];
    if (limit === undefined) return [];
    const field = `spec.resources.limits.${name}`;
    if (parseQuantity(limit) < least[name]) {
      return [`${field}: ${limit} is less than a container can have (${name === 'cpu' ? '10m' : '6Mi'})`];
    }
    if (request === undefined || parseQuantity(request) <= parseQuantity(limit)) return [];
    return [`spec.resources.requests.${name}: ${request} is more than the limit, ${limit}`];
  });
}
