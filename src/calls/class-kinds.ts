import type { PyObject } from './python-value.ts';

const docker = 'girder_worker.docker.transforms';
const girder = `${docker}.girder`;
const slicer = 'slicer_cli_web.girder_worker_plugin.direct_docker_run';

const inModule = <const Name extends string>(module: string, names: readonly Name[]) =>
  names.map((name): [string, Name] => [`${module}.${name}`, name]);

const kinds = [
  ...inModule(docker, [
    'BindMountVolume',
    'TemporaryVolume',
    '_DefaultTemporaryVolume',
    'VolumePath',
    'NamedInputPipe',
    'NamedOutputPipe',
    'Connect',
    'HostStdOut',
    'HostStdErr',
    'ContainerStdOut',
    'ContainerStdErr',
    'ChunkedTransferEncodingStream',
  ]),
  ...inModule(girder, [
    'ProgressPipe',
    'GirderFileIdToStream',
    'GirderFileIdToVolume',
    'GirderItemIdToVolume',
    'GirderFolderIdToVolume',
    'GirderUploadVolumePathToItem',
    'GirderUploadVolumePathToFolder',
    'GirderUploadVolumePathJobArtifact',
  ]),
  ...inModule(slicer, ['DirectGirderFileIdToVolume', 'CommaJoinedVolumes', 'GirderApiUrl', 'GirderToken']),
  ...inModule('girder_client', ['GirderClient']),
  ...inModule('docker.types.containers', ['DeviceRequest', 'Ulimit', 'LogConfig']),
  ...inModule('docker.types.services', ['Mount']),
  ...inModule('docker.types.healthcheck', ['Healthcheck']),
  ...inModule('bson.objectid', ['ObjectId']),
];

export type ClassKind = (typeof kinds)[number][1];

/** Every class of which an object has a meaning here, by its name in Python. All others are refused. */
export const classKinds: ReadonlyMap<string, ClassKind> = new Map(kinds);

export function kindOf(object: PyObject): ClassKind | undefined {
  return classKinds.get(object.className);
}
