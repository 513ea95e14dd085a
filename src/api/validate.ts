import { placeProblems } from './collisions.ts';
import { validateDocker } from './docker/option-conflicts.ts';
import { isForbiddenHeader, metadataKeyProblem } from './fields.ts';
import { temporaryVolumeName } from './names.ts';
import { parseQuantity } from './quantity.ts';
import { referencedNames } from './references.ts';
import { placeOf, resultUploadsOf } from './spec-usage.ts';
import type { DockerRunSpec } from './spec.ts';

/**
 * What is wrong in a spec that the schema alone cannot see: names that nothing declares, one name for two things,
 * two mounts at one place. Gives one sentence per problem, each with the field; none when the spec is good.
 */
export function validateSpec(spec: DockerRunSpec): string[] {
  const large = tooLarge(spec);
  if (large.length > 0) return large;
  return [
    ...nameProblems(spec),
    ...placeProblems(spec),
    ...streamProblems(spec),
    ...uploadProblems(spec),
    ...resourceProblems(spec),
    ...validateDocker(spec.docker, spec.resources),
  ];
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

/** Names that mean two things, and names that mean nothing. */
function nameProblems(spec: DockerRunSpec): string[] {
  return [
    ...duplicateNames(spec),
    ...unknownReferences(spec),
    ...unknownVolumes(spec),
    ...unknownUploads(spec),
  ];
}

/** How many names a sentence lists before it only counts. */
const mostListed = 10;

function listed(names: readonly string[]): string {
  const more = names.length - mostListed;
  return names.slice(0, mostListed).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function volumeNames(spec: DockerRunSpec): string[] {
  return [temporaryVolumeName, ...(spec.volumes ?? []).map((volume) => volume.name)];
}

function duplicateNames(spec: DockerRunSpec): string[] {
  const volumes = new Set(volumeNames(spec));
  return (spec.transforms ?? [])
    .filter(({ name }) => volumes.has(name))
    .map(
      ({ name }) => `spec.transforms: "${name}" is also the name of a volume, so $(${name}) could mean both`,
    );
}

function unknownReferences(spec: DockerRunSpec): string[] {
  const transforms = spec.transforms ?? [];
  const known = new Set([
    ...volumeNames(spec),
    ...transforms.filter((transform) => placeOf(transform) !== undefined).map(({ name }) => name),
  ]);
  const withoutPath = new Set(transforms.map(({ name }) => name).filter((name) => !known.has(name)));
  const choice = listed([...known]);
  return (['command', 'args'] as const).flatMap((field) =>
    (spec[field] ?? []).flatMap((text, index) =>
      referencedNames(text)
        .filter((name) => !known.has(name))
        .map((name) => {
          const where = `spec.${field}[${index}]: $(${name})`;
          if (withoutPath.has(name)) return `${where} has no path: no named pipe is part of that connect`;
          return `${where} is no volume or transform of this run (known: ${choice}); write $$(${name}) if the text itself is meant`;
        }),
    ),
  );
}

function unknownVolumes(spec: DockerRunSpec): string[] {
  const known = new Set(volumeNames(spec));
  return (spec.transforms ?? []).flatMap((transform) => {
    const place = placeOf(transform);
    if (place === undefined || known.has(place.volume)) return [];
    return [
      `spec.transforms: ${transform.name}.${place.field}.volume: "${place.volume}" is no volume of this run`,
    ];
  });
}

function unknownUploads(spec: DockerRunSpec): string[] {
  const paths = (spec.transforms ?? []).filter(({ volumePath }) => volumePath !== undefined);
  const known = new Set([...volumeNames(spec), ...paths.map(({ name }) => name)]);
  return resultUploadsOf(spec)
    .filter(({ upload }) => !known.has(upload.volumePath))
    .map(
      ({ field, upload }) =>
        `${field}.volumePath: "${upload.volumePath}" is no volumePath transform and no volume of this run`,
    );
}

/** What the Docker Engine takes at least: 6 MiB, and a hundredth of a CPU. */
const least = { memory: 6 * 2 ** 20, cpu: 0.01 } as const;

type Amount = string | number | undefined;

/** Resources that no container can have. */
function resourceProblems({ resources }: DockerRunSpec): string[] {
  const { limits = {}, requests = {} } = resources ?? {};
  const names = new Set([...Object.keys(limits), ...Object.keys(requests)]);
  return [...names].flatMap((name) => {
    const problems = name.includes('/') ? extendedProblems : usualProblems;
    return problems(name, limits[name], requests[name]);
  });
}

function usualProblems(name: string, limit: Amount, request: Amount): string[] {
  if (limit === undefined) return [];
  const smallest = name === 'cpu' || name === 'memory' ? least[name] : 0;
  if (parseQuantity(limit) < smallest) {
    const atLeast = name === 'cpu' ? '10m' : '6Mi';
    return [`spec.resources.limits.${name}: ${limit} is less than a container can have (${atLeast})`];
  }
  if (request === undefined || parseQuantity(request) <= parseQuantity(limit)) return [];
  return [`spec.resources.requests.${name}: ${request} is more than the limit, ${limit}`];
}

/** Devices are not shared: https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/. */
function extendedProblems(name: string, limit: Amount, request: Amount): string[] {
  if (limit === undefined) {
    return [`spec.resources.limits.${name}: an extended resource needs a limit, which is its request too`];
  }
  if (!Number.isInteger(parseQuantity(limit))) {
    return [`spec.resources.limits.${name}: ${limit} is not a whole number`];
  }
  if (request === undefined || parseQuantity(request) === parseQuantity(limit)) return [];
  return [`spec.resources.requests.${name}: ${request} is not the limit, ${limit}`];
}

/** Requests that cannot be made. */
function streamProblems(spec: DockerRunSpec): string[] {
  return (spec.transforms ?? []).flatMap(({ name, connect }) => {
    const post = connect?.output.chunkedTransferEncodingStream;
    if (post === undefined) return [];
    const field = `spec.transforms: ${name}.connect.output.chunkedTransferEncodingStream`;
    const own = (post.headers ?? []).filter((header) => isForbiddenHeader(header.name));
    return [
      ...urlProblems(`${field}.url`, post.url),
      ...own.map((header) => `${field}.headers: ${header.name} is set by the request itself; remove it`),
    ];
  });
}

/** Encoded slashes and names before an @ make an address look like another one to whoever has to allow it. */
function urlProblems(field: string, text: string): string[] {
  if (!URL.canParse(text)) return [`${field}: it is no address`];
  const { username, password, pathname } = new URL(text);
  if (username !== '' || password !== '') return [`${field}: it has a user; use a header with a Secret`];
  return /%(2f|5c)/i.test(pathname) ? [`${field}: its path has an encoded slash (%2f or %5c)`] : [];
}

/** Uploads that Girder would refuse after the target has done all its work. */
function uploadProblems(spec: DockerRunSpec): string[] {
  return [...strangeMetadata(spec), ...namedDirectories(spec)];
}

function strangeMetadata(spec: DockerRunSpec): string[] {
  const hooks = resultUploadsOf(spec).map(({ field, upload }) => ({ field, metadata: upload.metadata }));
  const streams = (spec.transforms ?? []).map(({ name, connect }) => ({
    field: `spec.transforms: ${name}.connect.output.girderStreamToItem`,
    metadata: connect?.output.girderStreamToItem?.metadata,
  }));
  return [...hooks, ...streams].flatMap(({ field, metadata }) => {
    const problem = metadataKeyProblem(metadata);
    return problem === undefined ? [] : [`${field}.metadata: ${problem}`];
  });
}

/** Whether a volumePath is a file shows only when the target ended; a volume never is one. */
function namedDirectories(spec: DockerRunSpec): string[] {
  return resultUploadsOf(spec)
    .filter(({ upload, path }) => path === undefined && upload.filename !== undefined)
    .map(({ field, volume }) => `${field}.filename: it is for a file, but ${volume} is a whole volume`);
}
