import { posix } from 'node:path';
import { temporaryVolumeName, temporaryVolumePath } from './names.ts';
import { pathOf, resultUploadsOf, type TransformPath } from './spec-usage.ts';
import type { DockerRunSpec } from './spec.ts';
import type { Transform } from './transforms.ts';
import { containerPathOfVolume, isKeyVolume, mountModeOf } from './volumes.ts';

/** Mounts, files, pipes and outputs that collide, and those that a read-only volume cannot hold. */
export function placeProblems(spec: DockerRunSpec): string[] {
  return [
    ...collidingMounts(spec),
    ...nestedInputs(spec),
    ...lastingInputs(spec),
    ...collidingPaths(spec),
    ...readOnlyVolumes(spec),
    ...unseenUploads(spec),
    ...relabeledPaths(spec),
    ...collidingOutputs(spec),
  ];
}

function collidingMounts(spec: DockerRunSpec): string[] {
  const seen = new Map([[`${temporaryVolumePath}/`, temporaryVolumeName]]);
  const problems: string[] = [];
  for (const { field, path } of mountPaths(spec)) {
    const key = posix.normalize(`${path}/`);
    const other = seen.get(key);
    if (other !== undefined) problems.push(`${field}: ${other} is already mounted at ${path}`);
    else if (key === '/')
      problems.push(`${field}: cannot mount a volume at the root directory of the target`);
    seen.set(key, field);
  }
  return problems;
}

function mountPaths(spec: DockerRunSpec): { field: string; path: string }[] {
  return [
    ...(spec.volumes ?? []).map((volume) => ({
      field: `spec.volumes: ${volume.name}`,
      path: containerPathOfVolume(volume),
    })),
    ...Object.entries(spec.dockerVolumes ?? {}).map(([host, { bind }]) => ({
      field: `spec.dockerVolumes: ${host}`,
      path: bind,
    })),
    ...ownMounts(spec),
  ];
}

type OwnMount = { readonly field: string; readonly path: string; readonly volume: string };

/** The inputs that are mounted by themselves. */
function ownMounts({ transforms = [] }: DockerRunSpec): OwnMount[] {
  return transforms.flatMap((transform) => {
    const { field, volume, containerPath: path } = pathOf(transform) ?? {};
    if (field === undefined || volume === undefined || path === undefined) return [];
    return [{ field: `spec.transforms: ${transform.name}.${field}.containerPath`, path, volume }];
  });
}

/** The engine would create an empty file or directory for the inner mount in what the outer one mounts. */
function nestedInputs(spec: DockerRunSpec): string[] {
  const mounts = [{ field: temporaryVolumeName, path: temporaryVolumePath }, ...mountPaths(spec)].map(
    ({ field, path }) => ({ field, path, key: posix.normalize(`${path}/`) }),
  );
  return ownMounts(spec).flatMap(({ field, path }) => {
    const other = mounts.find(
      ({ key }) => key !== `${path}/` && (`${path}/`.startsWith(key) || key.startsWith(`${path}/`)),
    );
    if (other === undefined) return [];
    const where = `${path}/`.startsWith(other.key) ? 'inside of' : 'around';
    return [`${field}: ${path} is ${where} ${other.path}, where ${other.field} is mounted; use another path`];
  });
}

/** What only this run can write to has no link when the engine resolves the path of the mount. */
function lastingInputs(spec: DockerRunSpec): string[] {
  const temporary = (spec.volumes ?? []).filter(({ temporary }) => temporary !== undefined);
  const own = new Set([temporaryVolumeName, ...temporary.map(({ name }) => name)]);
  return ownMounts(spec)
    .filter(({ volume }) => !own.has(volume))
    .map(
      ({ field, volume }) =>
        `${field}: its volume must be a temporary one, since others could put a link into ${volume}`,
    );
}

/** Two transforms may share a path only if both download the same file; none may be below another. */
function collidingPaths(spec: DockerRunSpec): string[] {
  const taken = new Map<string, { name: string; content: string }>();
  return (spec.transforms ?? []).flatMap((transform) => {
    const transformPath = pathOf(transform);
    if (transformPath?.path === undefined || transformPath.kind === 'path') return [];
    const where = `${transformPath.volume}: ${posix.normalize(transformPath.path)}`;
    const content = contentOf(transform, transformPath);
    const around = [...taken.keys()].find(
      (path) => path.startsWith(`${where}/`) || where.startsWith(`${path}/`),
    );
    const other = taken.get(around ?? where) ?? { name: transform.name, content };
    if (around === undefined) taken.set(where, other);
    if (around === undefined && other.content === content) return [];
    return [
      `spec.transforms: ${transform.name}.${transformPath.field}: ${other.name} already uses ${around ?? where}`,
    ];
  });
}

/** An id and a path count as two files: which file a path leads to is known only to Girder. */
function contentOf(
  { name, girderFileIdToVolume: file, girderMetadataToVolume: metadata }: Transform,
  { kind }: TransformPath,
): string {
  if (kind === 'pipe') return `pipe of ${name}`;
  if (metadata === undefined) return `file ${file?.fileId ?? file?.path}`;
  const { itemId, folderId, path } = metadata;
  return `metadata of ${itemId ?? folderId ?? path}`;
}

/** The worker creates downloads and pipes, and deletes uploaded files, through the same read-only volume. */
function readOnlyVolumes(spec: DockerRunSpec): string[] {
  const readOnly = new Map(
    (spec.volumes ?? []).flatMap((volume): [string, string][] => {
      if (isKeyVolume(volume)) return [[volume.name, 'which only the kubelet writes to']];
      if (volume.namedVolume !== undefined) return [[volume.name, 'which only the target sees']];
      const isReadOnly = volume.persistentVolumeClaim?.readOnly === true;
      return isReadOnly ? [[volume.name, 'whose claim is readOnly']] : [];
    }),
  );
  const created = (spec.transforms ?? []).flatMap((transform) => {
    const transformPath = pathOf(transform);
    if (transformPath === undefined || transformPath.kind === 'path' || !readOnly.has(transformPath.volume))
      return [];
    const what = transformPath.kind === 'pipe' ? 'a pipe' : 'a download';
    return [
      `spec.transforms: ${transform.name}.${transformPath.field}: cannot create ${what} in ${transformPath.volume}, ${readOnly.get(transformPath.volume)}`,
    ];
  });
  const unseen = unseenVolumes(spec);
  const deleted = resultUploadsOf(spec)
    .filter(({ upload, volume }) => upload.deleteFile && readOnly.has(volume) && !unseen.includes(volume))
    .map(
      ({ field, volume }) =>
        `${field}.deleteFile: cannot delete files from ${volume}, ${readOnly.get(volume)}`,
    );
  return [...created, ...deleted];
}

function unseenVolumes({ volumes = [] }: DockerRunSpec): string[] {
  return volumes.filter(({ namedVolume }) => namedVolume !== undefined).map(({ name }) => name);
}

/** The worker does not mount a named volume, so nothing in it can be uploaded. */
function unseenUploads(spec: DockerRunSpec): string[] {
  const unseen = unseenVolumes(spec);
  return resultUploadsOf(spec)
    .filter(({ volume }) => unseen.includes(volume))
    .map(
      ({ field, volume }) =>
        `${field}.volumePath: cannot upload from ${volume}, which only the target sees; let the target write to another volume`,
    );
}

/** The engine takes a mount that it relabels as `source:target:mode`. */
function relabeledPaths({ volumes = [], dockerVolumes = {} }: DockerRunSpec): string[] {
  const mounts = [
    ...volumes.flatMap(({ name, bindMount }) => {
      const field = `spec.volumes: ${name}.bindMount`;
      return bindMount === undefined
        ? []
        : [{ field, mode: bindMount.mode, paths: [bindMount.hostPath, bindMount.containerPath] }];
    }),
    ...Object.entries(dockerVolumes).map(([host, { bind, mode }]) => ({
      field: `spec.dockerVolumes: ${host}`,
      mode,
      paths: [host, bind],
    })),
  ];
  return mounts
    .filter(({ mode, paths }) => mountModeOf(mode).relabel !== undefined && paths.join('').includes(':'))
    .map(({ field, mode }) => `${field}: with mode ${mode}, no path may contain a colon`);
}

/** Each output can be connected once; to send it to two destinations, the target has to copy it. */
function collidingOutputs(spec: DockerRunSpec): string[] {
  return (['containerStdOut', 'containerStdErr'] as const).flatMap((output) => {
    const connects = (spec.transforms ?? []).filter(({ connect }) => connect?.input[output] !== undefined);
    return connects
      .slice(1)
      .map(
        ({ name }) =>
          `spec.transforms: ${name}.connect.input.${output}: ${connects[0]?.name} is already connected to it`,
      );
  });
}
