import { placeProblems } from './collisions.ts';
import { validateDocker } from './docker/option-conflicts.ts';
import { apiUrlProblem, isForbiddenHeader, isHeaderText, metadataKeyProblem } from './fields.ts';
import { forEachProblems, isItemName, itemNamesOf } from './for-each-problems.ts';
import { boundsProblem, specBounds } from './json-values.ts';
import { temporaryVolumeName } from './names.ts';
import { mostAmount, parseQuantity } from './quantity.ts';
import { referencedNames } from './references.ts';
import { pathOf, resultUploadsOf } from './spec-usage.ts';
import type { DockerRunSpec } from './spec.ts';

/**
 * Finds the problems of a spec that its schema cannot detect: undeclared or ambiguous names, mounts at the
 * same path. Returns one sentence per problem, which starts with the field; empty for a valid spec.
 */
export function validateSpec(spec: DockerRunSpec): string[] {
  const large = tooLarge(spec);
  if (large.length > 0) return large;
  return [
    ...nameProblems(spec),
    ...forEachProblems(spec),
    ...textProblems(spec),
    ...placeProblems(spec),
    ...streamProblems(spec),
    ...uploadProblems(spec),
    ...resourceProblems(spec),
    ...validateDocker(spec.docker, spec.resources),
  ];
}

function tooLarge(spec: DockerRunSpec): string[] {
  const problem = boundsProblem(spec, specBounds);
  if (problem !== undefined) return [`spec: it ${problem}`];
  const maxBytes = specBounds.bytes;
  const bytes = Buffer.byteLength(JSON.stringify(spec));
  if (bytes <= maxBytes) return [];
  return [`spec: it has ${bytes} bytes as JSON, but at most ${maxBytes} are allowed; move data into a file`];
}

function nameProblems(spec: DockerRunSpec): string[] {
  return [
    ...duplicateNames(spec),
    ...unknownReferences(spec),
    ...unknownVolumes(spec),
    ...unknownUploads(spec),
  ];
}

/** A message names at most this many and counts the others. */
const maxListed = 10;

function listed(names: readonly string[]): string {
  const more = names.length - maxListed;
  return names.slice(0, maxListed).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function volumeNames(spec: DockerRunSpec): string[] {
  return [temporaryVolumeName, ...(spec.volumes ?? []).map((volume) => volume.name)];
}

function duplicateNames(spec: DockerRunSpec): string[] {
  const volumes = new Set(volumeNames(spec));
  return (spec.transforms ?? [])
    .filter(({ name }) => volumes.has(name))
    .map(({ name }) => `spec.transforms: "${name}" is also the name of a volume, so $(${name}) is ambiguous`);
}

function unknownReferences(spec: DockerRunSpec): string[] {
  const transforms = spec.transforms ?? [];
  const known = new Set([
    ...volumeNames(spec),
    ...transforms.filter((transform) => pathOf(transform) !== undefined).map(({ name }) => name),
    ...itemNamesOf(spec),
  ]);
  const secrets = new Set(
    transforms.filter(({ secretKeyRef }) => secretKeyRef !== undefined).map(({ name }) => name),
  );
  const withoutPath = new Set(transforms.map(({ name }) => name).filter((name) => !known.has(name)));
  const choice = listed([...known]);
  // In the value of a variable, as in a pod's, an unknown name is text.
  return (['command', 'args'] as const).flatMap((field) =>
    (spec[field] ?? []).flatMap((text, index) =>
      referencedNames(text)
        // The sentence about missing values is that of forEach.
        .filter((name) => !(field === 'args' && secrets.has(name)))
        .filter((name) => !known.has(name) && !(spec.forEach !== undefined && isItemName(name)))
        .map((name) => {
          const where = `spec.${field}[${index}]: $(${name})`;
          if (secrets.has(name)) return `${where} is the value of a Secret, which only args and env may use`;
          if (withoutPath.has(name)) return `${where} has no path, because its connect has no named pipe`;
          if (spec.forEach === undefined && isItemName(name))
            return `${where} has a value only in the runs of a DockerRunSet; use $$(${name}) for the literal text`;
          return `${where} is not a volume or transform of this run (known: ${choice}); use $$(${name}) for the literal text`;
        }),
    ),
  );
}

function unknownVolumes(spec: DockerRunSpec): string[] {
  const known = new Set(volumeNames(spec));
  return (spec.transforms ?? []).flatMap((transform) => {
    const transformPath = pathOf(transform);
    if (transformPath === undefined || known.has(transformPath.volume)) return [];
    return [
      `spec.transforms: ${transform.name}.${transformPath.field}.volume: "${transformPath.volume}" is not a volume of this run`,
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
        `${field}.volumePath: "${upload.volumePath}" is not a volumePath transform or a volume of this run`,
    );
}

/** Linux ends arguments and variables with a NUL byte. A value is not repeated: it may be confidential. */
function textProblems({ command = [], args = [], env = [], girder }: DockerRunSpec): string[] {
  const texts = { command, args };
  const lists = (['command', 'args'] as const).flatMap((field) =>
    texts[field].flatMap((text, index) =>
      text.includes('\0') ? [`spec.${field}[${index}]: it has a NUL byte, which no argument can hold`] : [],
    ),
  );
  const variables = env.flatMap(({ value = '' }, index) =>
    value.includes('\0') ? [`spec.env[${index}]: its value has a NUL byte; encode it, as with base64`] : [],
  );
  const address = girder === undefined ? undefined : apiUrlProblem(girder.apiUrl);
  return [...lists, ...variables, ...(address === undefined ? [] : [`spec.girder.apiUrl: it ${address}`])];
}

/** The minimum of the Docker Engine: 6 MiB and 0.01 CPU. */
const smallestLimits = { memory: 6 * 2 ** 20, cpu: 0.01 } as const;

type Amount = string | number | undefined;

function resourceProblems({ resources }: DockerRunSpec): string[] {
  const { limits = {}, requests = {} } = resources ?? {};
  const names = new Set([...Object.keys(limits), ...Object.keys(requests)]);
  return [...names].flatMap((name) => {
    const [limit, request] = [ownAmount(limits, name), ownAmount(requests, name)];
    const strange = [
      ...strangeAmount(`limits.${name}`, limit),
      ...strangeAmount(`requests.${name}`, request),
    ];
    if (strange.length > 0) return strange;
    return name.includes('/') ? extendedProblems(name, limit, request) : usualProblems(name, limit, request);
  });
}

/** The schema bounds the text of a quantity, but neither its amount nor a plain number. */
function strangeAmount(field: string, amount: Amount): string[] {
  if (amount === undefined) return [];
  const value = parseQuantity(amount);
  return value >= 0 && value <= mostAmount
    ? []
    : [`spec.resources.${field}: ${amount} is not between 0 and 1P`];
}

/** A resource may have the name of something that every object has, such as `constructor`. */
function ownAmount(amounts: Readonly<Record<string, string | number>>, name: string): Amount {
  return Object.hasOwn(amounts, name) ? amounts[name] : undefined;
}

function usualProblems(name: string, limit: Amount, request: Amount): string[] {
  if (limit === undefined) return [];
  const smallest = name === 'cpu' || name === 'memory' ? smallestLimits[name] : 0;
  if (parseQuantity(limit) < smallest) {
    const atLeast = name === 'cpu' ? '10m' : '6Mi';
    return [`spec.resources.limits.${name}: ${limit} is less than the minimum of a container, ${atLeast}`];
  }
  if (request === undefined || parseQuantity(request) <= parseQuantity(limit)) return [];
  return [`spec.resources.requests.${name}: ${request} is more than the limit, ${limit}`];
}

/**
 * Extended resources cannot be overcommitted: https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/.
 */
function extendedProblems(name: string, limit: Amount, request: Amount): string[] {
  if (limit === undefined) {
    return [
      `spec.resources.limits.${name}: an extended resource requires a limit, which is also its request`,
    ];
  }
  if (!Number.isInteger(parseQuantity(limit))) {
    return [`spec.resources.limits.${name}: ${limit} is not a whole number`];
  }
  if (request === undefined || parseQuantity(request) === parseQuantity(limit)) return [];
  return [`spec.resources.requests.${name}: ${request} must equal the limit, ${limit}`];
}

function streamProblems(spec: DockerRunSpec): string[] {
  return (spec.transforms ?? []).flatMap(({ name, connect }) => {
    const post = connect?.output.chunkedTransferEncodingStream;
    if (post === undefined) return [];
    const field = `spec.transforms: ${name}.connect.output.chunkedTransferEncodingStream`;
    const headers = post.headers ?? [];
    const forbidden = headers.filter((header) => isForbiddenHeader(header.name));
    const unsendable = headers.filter(({ value = '' }) => !isHeaderText(value));
    return [
      ...urlProblems(`${field}.url`, post.url),
      ...forbidden.map((header) => `${field}.headers: ${header.name} is set by the HTTP client; remove it`),
      ...unsendable.map((header) => `${field}.headers: the value of ${header.name} is not one line of text`),
    ];
  });
}

/** Encoded slashes and a user before an @ can make a URL look like another one in the policy. */
function urlProblems(field: string, text: string): string[] {
  if (!URL.canParse(text)) return [`${field}: it is not a valid URL`];
  const { username, password, pathname } = new URL(text);
  if (username !== '' || password !== '')
    return [`${field}: it contains a user or password; use a header with a value from a Secret`];
  return /%(2f|5c)/i.test(pathname) ? [`${field}: its path contains an encoded slash (%2f or %5c)`] : [];
}

/** Finds uploads that Girder would reject, before the target has done its work. */
function uploadProblems(spec: DockerRunSpec): string[] {
  return [...metadataProblems(spec), ...namedDirectories(spec)];
}

function metadataProblems(spec: DockerRunSpec): string[] {
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

/**
 * A volumePath may turn out to be a file or a directory after the target has ended; a volume is never a file.
 */
function namedDirectories(spec: DockerRunSpec): string[] {
  return resultUploadsOf(spec)
    .filter(({ upload, path }) => path === undefined && upload.filename !== undefined)
    .map(
      ({ field, volume }) => `${field}.filename: it requires a single file, but ${volume} is a whole volume`,
    );
}
