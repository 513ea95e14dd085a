import { posix } from 'node:path';
import type { NamedValue } from '../../api/fields.ts';
import { defined } from '../../api/json-values.ts';
import { temporaryVolumeName, temporaryVolumePath } from '../../api/names.ts';
import {
  configMapKeysOf,
  type GirderReference,
  girderUsesOf,
  pathOf,
  referenceOf,
  resultUploadsOf,
  secretKeysOf,
} from '../../api/spec-usage.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import type { Connect, Transform } from '../../api/transforms.ts';
import { containerPathOfVolume, mountModeOf, type Volume } from '../../api/volumes.ts';
import { expandTexts } from '../../worker/plan.ts';
import { pullPolicy } from '../../worker/target-options.ts';

/** What a run would do, as far as its spec says it. Paths are those in the target unless they are of the node. */
export type RunPreview = {
  readonly image: string;
  readonly imagePullPolicy: string;
  /** Absent where the image decides. */
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly mounts: readonly Mount[];
  readonly downloads: readonly Download[];
  readonly streams: readonly Stream[];
  readonly uploads: readonly Upload[];
  readonly secrets: readonly Keys[];
  readonly configMaps: readonly Keys[];
  /** Directories and files of the node, which the DockerRunPolicy must allow. */
  readonly hostPaths: readonly string[];
  readonly girder?: { readonly apiUrl: string; readonly job?: string };
  /** Sentences about what only the cluster and Girder know. */
  readonly unknown: readonly string[];
};

export type Mount = {
  readonly name: string;
  readonly path: string;
  readonly from: string;
  readonly readOnly: boolean;
};
export type Download = { readonly names: readonly string[]; readonly from: string; readonly path: string };
export type Stream = { readonly name: string; readonly from: string; readonly to: string };
export type Upload = {
  readonly path: string;
  readonly to: string;
  readonly when: string;
  readonly ifExists: string;
  readonly optional: boolean;
};
export type Keys = { readonly name: string; readonly keys: readonly string[]; readonly for: string };

/** Pure. The spec must be valid and have its defaults. */
export function previewOf(spec: DockerRunSpec): RunPreview {
  const downloads = downloadsOf(spec);
  const { command, args, env = [] } = textsOf(spec, downloads);
  const { girder } = spec;
  return {
    image: spec.image,
    imagePullPolicy: pullPolicy(spec),
    ...defined({ command, args }),
    env: env.map((variable) => ({ name: variable.name, value: valueText(variable) })),
    mounts: mountsOf(spec),
    downloads: grouped(downloads),
    streams: (spec.transforms ?? []).flatMap((transform) => streamOf(transform, spec)),
    uploads: uploadsOf(spec),
    secrets: secretsOf(spec),
    configMaps: configMapKeysOf(spec).map((one) => ({ ...one, for: 'variables and headers' })),
    hostPaths: hostPathsOf(spec),
    ...(girder === undefined
      ? {}
      : { girder: { apiUrl: girder.apiUrl, ...defined({ job: girder.job?.id }) } }),
    unknown: unknownOf(spec),
  };
}

/** Of the container, by the name of the volume. */
function placeOf(volume: string, { volumes = [] }: DockerRunSpec): string {
  if (volume === temporaryVolumeName) return temporaryVolumePath;
  const found = volumes.find(({ name }) => name === volume);
  return found === undefined ? '/' : containerPathOfVolume(found);
}

type PlannedDownload = {
  readonly name: string;
  readonly from: string;
  readonly inVolume: string;
  readonly path: string;
};

function downloadsOf(spec: DockerRunSpec): PlannedDownload[] {
  return (spec.transforms ?? []).flatMap((transform): PlannedDownload[] => {
    const { kind, volume = '', path: given, containerPath } = pathOf(transform) ?? {};
    const source = sourceOf(transform);
    if (kind !== 'download' || source === undefined) return [];
    const inVolume = given ?? source.path;
    const path = containerPath ?? posix.join(placeOf(volume, spec), inVolume);
    return [{ name: transform.name, from: source.from, inVolume, path }];
  });
}

/** What is downloaded, and its usual path in the volume: names in Girder are not known. */
function sourceOf(transform: Transform): { readonly from: string; readonly path: string } | undefined {
  const {
    girderFileIdToVolume: file,
    girderItemIdToVolume: item,
    girderFolderIdToVolume: folder,
  } = transform;
  const { girderMetadataToVolume: metadata } = transform;
  if (file !== undefined) return below('file', referenceOf(file), nameInGirder);
  if (item !== undefined) return below('item', referenceOf(item), nameInGirder);
  if (folder !== undefined) return below('folder', referenceOf(folder), folder.folderName ?? nameInGirder);
  if (metadata === undefined) return undefined;
  const to = referenceOf(metadata);
  return {
    from: `metadata of ${documentText(metadata.itemId === undefined ? '' : 'item', to)}`,
    path: `${idText(to)}.metadata.json`,
  };
}

const nameInGirder = '<name in Girder>';

function below(kind: string, to: GirderReference, name: string) {
  return { from: documentText(kind, to), path: posix.join(idText(to), name) };
}

const idText = (to: GirderReference) => ('id' in to ? to.id : '<ID>');

/** `file f11e…`, or `folder /collection/Study/scans`. */
function documentText(kind: string, to: GirderReference): string {
  return `${kind} ${'id' in to ? to.id : to.path}`.trim();
}

function grouped(downloads: readonly PlannedDownload[]): Download[] {
  const found = new Map<string, Download>();
  for (const { name, from, path } of downloads) {
    const key = JSON.stringify([from, path]);
    found.set(key, { names: [...(found.get(key)?.names ?? []), name], from, path });
  }
  return [...found.values()];
}

function textsOf(spec: DockerRunSpec, downloads: readonly PlannedDownload[]) {
  const volume = { name: temporaryVolumeName, containerPath: temporaryVolumePath };
  const shared = {
    ...volume,
    localPath: '',
    hostPath: '',
    readOnly: false,
    temporary: true,
    configuredBy: '',
  };
  const downloaded = new Map(downloads.map(({ name, inVolume }) => [name, inVolume]));
  const secrets = (spec.transforms ?? []).flatMap(({ name, secretKeyRef: key }): [string, string][] =>
    key === undefined ? [] : [[name, secretText(key)]],
  );
  return expandTexts(spec, [shared], downloaded, new Map(secrets));
}

const secretText = ({ name, key }: { readonly name: string; readonly key: string }) =>
  `<key ${key} of Secret ${name}>`;

function valueText({ value = '', valueFrom }: NamedValue): string {
  const { secretKeyRef: secret, configMapKeyRef: map } = valueFrom ?? {};
  if (secret !== undefined) return secretText(secret);
  return map === undefined ? value : `<key ${map.key} of ConfigMap ${map.name}>`;
}

function mountsOf(spec: DockerRunSpec): Mount[] {
  const own = {
    name: temporaryVolumeName,
    path: temporaryVolumePath,
    from: 'an empty directory',
    readOnly: false,
  };
  const volumes = (spec.volumes ?? []).map((volume) => ({
    name: volume.name,
    path: containerPathOfVolume(volume),
    ...contentOf(volume),
  }));
  const dictionary = Object.entries(spec.dockerVolumes ?? {}).map(([path, { bind, mode }]) => ({
    name: path,
    path: bind,
    from: `${path} of the node`,
    readOnly: mountModeOf(mode).readOnly,
  }));
  return [own, ...volumes, ...dictionary];
}

function contentOf(volume: Volume): { readonly from: string; readonly readOnly: boolean } {
  const { bindMount, temporary, persistentVolumeClaim: claim, namedVolume, secret, configMap } = volume;
  if (bindMount !== undefined)
    return { from: `${bindMount.hostPath} of the node`, readOnly: mountModeOf(bindMount.mode).readOnly };
  if (claim !== undefined)
    return { from: `the PersistentVolumeClaim ${claim.claimName}`, readOnly: claim.readOnly };
  if (namedVolume !== undefined)
    return { from: `the volume ${namedVolume.volumeName} of Docker`, readOnly: namedVolume.readOnly };
  if (secret !== undefined) return { from: `the Secret ${secret.secretName}`, readOnly: true };
  if (configMap !== undefined) return { from: `the ConfigMap ${configMap.name}`, readOnly: true };
  const place = temporary?.hostDir === undefined ? '' : ` in ${temporary.hostDir} of the node`;
  return { from: `an empty directory${place}`, readOnly: false };
}

function streamOf(transform: Transform, spec: DockerRunSpec): Stream[] {
  const { name, connect } = transform;
  const { kind, volume = '', path = '' } = pathOf(transform) ?? {};
  if (connect === undefined && kind !== 'pipe') return [];
  const pipe = `the pipe ${posix.join(placeOf(volume, spec), path)}`;
  if (connect !== undefined) return [{ name, from: inputText(connect, pipe), to: outputText(connect, pipe) }];
  if (transform.progressPipe !== undefined) return [{ name, from: pipe, to: 'the progress of the run' }];
  const other = 'another program that shares the volume';
  return [
    transform.namedInputPipe === undefined
      ? { name, from: pipe, to: other }
      : { name, from: other, to: pipe },
  ];
}

function inputText({ input }: Connect, pipe: string): string {
  if (input.girderFileIdToStream !== undefined)
    return documentText('file', referenceOf(input.girderFileIdToStream));
  if (input.namedOutputPipe !== undefined) return pipe;
  return input.containerStdErr === undefined ? "the target's standard output" : "the target's standard error";
}

function outputText({ output }: Connect, pipe: string): string {
  const { chunkedTransferEncodingStream: post, girderStreamToItem: item } = output;
  if (output.namedInputPipe !== undefined) return pipe;
  if (post !== undefined) return `POST ${post.url}`;
  if (item !== undefined)
    return `the file ${item.filename} of ${documentText('item', referenceOf(item))}, after success`;
  if (output.slicerProgress !== undefined) return 'the log, and its tags to the progress of the run';
  return output.hostStdErr === undefined ? 'the log' : 'the log (standard error)';
}

function uploadsOf(spec: DockerRunSpec): Upload[] {
  const results = resultUploadsOf(spec).map(({ volume, path = '', kind, to, when, optional, upload }) => ({
    path: posix.join(placeOf(volume, spec), path),
    to: documentText(kind, to),
    when,
    ifExists: upload.ifExists,
    optional,
  }));
  const { log } = spec.girder ?? {};
  if (log === undefined) return results;
  const to = documentText(log.itemId === undefined ? 'folder' : 'item', referenceOf(log));
  const when = log.when === 'Always' ? 'Always' : 'OnFailure';
  return [...results, { path: "the target's output", to, when, ifExists: 'NewItem', optional: false }];
}

function secretsOf(spec: DockerRunSpec): Keys[] {
  const { girder, imagePullSecrets = [], volumes = [] } = spec;
  const credentials = girder?.credentialsSecretRef;
  return [
    ...(credentials === undefined
      ? []
      : [{ name: credentials.name, keys: ['apiKey or token'], for: 'inputs and results in Girder' }]),
    ...imagePullSecrets.map(({ name }) => ({
      name,
      keys: ['.dockerconfigjson'],
      for: 'the registry of the image',
    })),
    ...secretKeysOf(spec).map((one) => ({ ...one, for: usesOfSecret(one.name, spec).join(', ') })),
    ...volumes.flatMap(({ secret }) =>
      secret === undefined
        ? []
        : [{ name: secret.secretName, keys: secret.items?.map(({ key }) => key) ?? ['all'], for: 'files' }],
    ),
  ];
}

/** What of a run has values of a Secret. */
function usesOfSecret(secret: string, { env = [], transforms = [], girder }: DockerRunSpec): string[] {
  const isMeant = ({ valueFrom }: NamedValue) => valueFrom?.secretKeyRef?.name === secret;
  const headers = transforms.flatMap(
    ({ connect }) => connect?.output.chunkedTransferEncodingStream?.headers ?? [],
  );
  return [
    ...(env.some(isMeant) ? ['variables'] : []),
    ...(transforms.some(({ secretKeyRef }) => secretKeyRef?.name === secret) ? ['arguments'] : []),
    ...(headers.some(isMeant) ? ['headers of a stream'] : []),
    ...(girder?.job?.tokenSecretRef.name === secret ? ['reports to the Girder job'] : []),
  ];
}

function hostPathsOf({ volumes = [], dockerVolumes = {} }: DockerRunSpec): string[] {
  const paths = volumes.flatMap(
    ({ bindMount, temporary }) => bindMount?.hostPath ?? temporary?.hostDir ?? [],
  );
  return [...new Set([...paths, ...Object.keys(dockerVolumes)])].toSorted();
}

function unknownOf(spec: DockerRunSpec): string[] {
  const uses = girderUsesOf(spec);
  const needsPolicy = hostPathsOf(spec).length > 0 || spec.docker !== undefined;
  return [
    ...(uses.length === 0 ? [] : ['whether the documents in Girder exist and the key may use them']),
    ...(downloadsOf(spec).some(({ path }) => path.includes(nameInGirder))
      ? ['names and sizes of inputs in Girder']
      : []),
    ...(spec.command === undefined ? ['the entrypoint of the image'] : []),
    ...(spec.args === undefined ? ['the arguments of the image'] : []),
    needsPolicy
      ? 'whether the DockerRunPolicy allows the host paths, options, image and addresses'
      : 'whether the DockerRunPolicy allows the image and addresses',
    'on which node it runs, and whether that has room',
  ];
}
