import type { DockerRunManifest, DockerRunSpec } from '../../schemas/manifests.d.ts';
import { isRecord } from '../api/json-values.ts';
import { apiVersion, kind } from '../api/names.ts';
import { checkSpec, specOfCall } from '../calls/call-spec.ts';
import { containerCall } from '../calls/container-call.ts';
import { ManifestSource } from '../calls/manifest-source.ts';
import { itemsOf, type PyValue } from '../calls/python-value.ts';
import { Refusal } from '../calls/refusal.ts';
import { RunParts } from '../calls/run-parts.ts';
import { pythonValue, withNames } from './python-values.ts';
import type {
  Connect,
  GirderFileIdToVolume,
  GirderFolderIdToVolume,
  GirderItemIdToVolume,
  GirderUploadVolumePathToFolder,
  GirderUploadVolumePathToItem,
  NamedInputPipe,
  NamedOutputPipe,
  ProgressPipe,
  Reference,
  SecretKey,
  Volume,
  VolumePath,
} from './run-objects.ts';

/** What an argument or the value of a variable may be. A number is its text. */
export type Argument =
  | string
  | number
  | Volume
  | VolumePath
  | GirderFileIdToVolume
  | GirderItemIdToVolume
  | GirderFolderIdToVolume
  | Connect
  | ProgressPipe
  | NamedInputPipe
  | NamedOutputPipe
  | SecretKey
  | Reference;

/** The fields of the spec that follow from no keyword of docker_run. */
export type OtherFields = Omit<
  DockerRunSpec,
  'image' | 'imagePullPolicy' | 'command' | 'args' | 'docker' | 'dockerVolumes' | 'removeContainer' | 'girder'
>;

/** The keywords of docker_run, and by their names in a manifest the options of docker-py: `shmSize`. */
export type DockerRunOptions = NonNullable<DockerRunSpec['docker']> & {
  readonly metadata: DockerRunManifest['metadata'];
  /** true: always; false: never. Without it, as for a pod: always for the tag latest or none. */
  readonly pullImage?: boolean | 'if-not-present';
  readonly entrypoint?: string | readonly Exclude<Argument, SecretKey>[];
  readonly containerArgs?: readonly Argument[];
  /** Volumes, or docker-py's dictionary. A volume that is used elsewhere need not be listed. */
  readonly volumes?: readonly Volume[] | Readonly<Record<string, { bind: string; mode?: 'rw' | 'ro' }>>;
  readonly environment?: Readonly<Record<string, Argument>>;
  /** false keeps the container on its node. */
  readonly removeContainer?: boolean;
  /** Streams that no argument names. */
  readonly streamConnectors?: readonly (Connect | ProgressPipe)[];
  readonly girderResultHooks?: readonly (GirderUploadVolumePathToItem | GirderUploadVolumePathToFolder)[];
  readonly girder?: DockerRunSpec['girder'];
  /** All other fields, such as resources and deadlines. Lists are appended to those that follow from the call. */
  readonly spec?: OtherFields;
};

/** `pull_image='if-not-present'` means that, as in slicer_cli_web's task. */
const task = { knowsIfNotPresent: true, readsSlicerTags: false };

/**
 * The manifest of a call of docker_run: plain data for JSON, YAML or an ApiObject of cdk8s.
 * @throws TypeError with a sentence if a cluster would refuse it
 */
export function dockerRun(image: string, options: DockerRunOptions): DockerRunManifest {
  try {
    const { metadata } = options;
    return JSON.parse(
      JSON.stringify({ apiVersion, kind, metadata, spec: specOf(image, options) }),
    ) as DockerRunManifest;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new TypeError(`dockerRun(${JSON.stringify(image)}): ${error.message}`, { cause: error });
  }
}

function specOf(image: string, options: DockerRunOptions): Record<string, unknown> {
  const { metadata: _, girder, spec: others = {}, girderResultHooks = [], ...keywords } = options;
  const { apiUrl, credentialsSecretRef: credentials } = girder ?? {};
  const hasGirder = apiUrl !== undefined && credentials !== undefined;
  const source = new ManifestSource({
    girder: hasGirder ? { apiUrl, credentials: credentials.name } : undefined,
    headerSecret: undefined,
  });
  const call = containerCall([image], keywordsOf(keywords));
  const hooks = itemsOf(pythonValue(girderResultHooks)) ?? [];
  const made = specOfCall(call, { task, hooks }, new RunParts(source));
  if (keywords.pullImage === undefined) delete made['imagePullPolicy'];
  if (source.usesGirder && !hasGirder)
    throw new Refusal('it uses Girder, but has no girder with apiUrl and credentialsSecretRef');
  const spec = merged(named(made), { ...others, ...(girder === undefined ? {} : { girder }) });
  checkSpec(spec);
  return spec;
}

/** The keywords in Python: `container_args`, `shm_size`. */
function* keywordsOf(options: object): Iterable<readonly [string, PyValue]> {
  for (const [name, value] of Object.entries(options))
    if (value !== undefined) yield [keywordOf(name), pythonValue(value)];
}

/** `shm_size` for shmSize, the reverse of what makes the options of docker-py fields. */
export function keywordOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** With the names of the caller in arguments and variables. */
function named(spec: Record<string, unknown>): Record<string, unknown> {
  const replace = (value: unknown): unknown => {
    if (typeof value === 'string') return withNames(value);
    if (Array.isArray(value)) return value.map(replace);
    if (!isRecord(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, replace(member)]));
  };
  return Object.fromEntries(
    Object.entries(spec).map(([field, value]) => [
      field,
      ['command', 'args', 'env'].includes(field) ? replace(value) : value,
    ]),
  );
}

/** Lists are joined, such as volumes, and of other equal fields the caller's counts, such as a limit. */
function merged(made: Record<string, unknown>, others: Record<string, unknown>): Record<string, unknown> {
  const spec = { ...made };
  for (const [field, value] of Object.entries(others)) {
    const own = spec[field];
    if (Array.isArray(own) && Array.isArray(value))
      spec[field] = [...(own as unknown[]), ...(value as unknown[])];
    else if (isRecord(own) && isRecord(value)) spec[field] = merged(own, value);
    else if (value !== undefined) spec[field] = value;
  }
  return spec;
}
