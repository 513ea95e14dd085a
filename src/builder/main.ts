/** What `import … from 'dockerrun'` has: manifests of DockerRuns by the names of Girder Worker. */
export { dockerRun } from './run-builder.ts';
export type { Argument, DockerRunOptions, OtherFields } from './run-builder.ts';
export {
  BindMountVolume,
  ChunkedTransferEncodingStream,
  Connect,
  ContainerStdErr,
  ContainerStdOut,
  GirderFileIdToStream,
  GirderFileIdToVolume,
  GirderFolderIdToVolume,
  GirderItemIdToVolume,
  GirderUploadVolumePathToFolder,
  GirderUploadVolumePathToItem,
  HostStdErr,
  HostStdOut,
  NamedInputPipe,
  NamedOutputPipe,
  ProgressPipe,
  Reference,
  SecretKey,
  TemporaryVolume,
  VolumePath,
} from './run-objects.ts';
export type {
  DefaultTemporaryVolume,
  InVolume,
  StreamInput,
  StreamOutput,
  UploadKeywords,
  UploadOptions,
  Volume,
} from './run-objects.ts';
export type { DockerRunManifest, DockerRunSpec } from '../../schemas/manifests.d.ts';
