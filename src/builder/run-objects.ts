import { standFor, standForDefaultVolume, standForName, standForSecretKey } from './python-values.ts';

/**
 * The classes of Girder Worker, with its names and in the order of its parameters; those that are optional have
 * names of their own in an object. No `gc`: everything in a run uses `girder.credentialsSecretRef`.
 */

/** A directory or file of the node. The DockerRunPolicy must allow it. */
export class BindMountVolume {
  readonly kind = 'BindMountVolume' as const;

  constructor(hostPath: string, containerPath: string, mode: 'rw' | 'ro' = 'rw') {
    standFor(this, this.kind, { host_path: hostPath, container_path: containerPath, mode });
  }
}

/** An empty directory that is deleted after the run. */
export class TemporaryVolume {
  readonly kind = 'TemporaryVolume' as const;

  /** The volume that every run has, at /mnt/girder_worker/temporary. */
  static readonly default: DefaultTemporaryVolume = {
    kind: '_DefaultTemporaryVolume',
  };

  /** @param hostDir a directory of the node for it; the DockerRunPolicy must allow it */
  constructor(hostDir?: string) {
    standFor(this, this.kind, { host_dir: hostDir });
  }
}

/** The volume that every run has. */
export type DefaultTemporaryVolume = { readonly kind: '_DefaultTemporaryVolume' };

standForDefaultVolume(TemporaryVolume.default);

export type Volume = BindMountVolume | TemporaryVolume | DefaultTemporaryVolume;

/** Where a transform has its file; without it in the volume that every run has. */
export type InVolume = { readonly volume?: Volume };

/** A path in a volume, usually one that the target writes; `.` is all of the volume. */
export class VolumePath {
  readonly kind = 'VolumePath' as const;

  constructor(filename: string, volume?: Volume) {
    standFor(this, this.kind, { filename, volume });
  }
}

/** A pipe that the target reads from once. */
export class NamedInputPipe {
  readonly kind = 'NamedInputPipe' as const;

  constructor(name: string, { volume }: InVolume = {}) {
    standFor(this, this.kind, { name, volume });
  }
}

/** A pipe that the target writes to. */
export class NamedOutputPipe {
  readonly kind = 'NamedOutputPipe' as const;

  constructor(name: string, { volume }: InVolume = {}) {
    standFor(this, this.kind, { name, volume });
  }
}

/** A pipe for the progress of the target: each line is JSON with the fields message, current and total. */
export class ProgressPipe {
  readonly kind = 'ProgressPipe' as const;

  constructor(name: string = '.girder_progress', { volume }: InVolume = {}) {
    standFor(this, this.kind, { name, volume });
  }
}

/** The standard output of the run's pod. */
export class HostStdOut {
  readonly kind = 'HostStdOut' as const;

  constructor() {
    standFor(this, this.kind, {});
  }
}

/** The standard error of the run's pod. */
export class HostStdErr {
  readonly kind = 'HostStdErr' as const;

  constructor() {
    standFor(this, this.kind, {});
  }
}

/** The standard output of the target. */
export class ContainerStdOut {
  readonly kind = 'ContainerStdOut' as const;

  constructor() {
    standFor(this, this.kind, {});
  }
}

/** The standard error of the target. */
export class ContainerStdErr {
  readonly kind = 'ContainerStdErr' as const;

  constructor() {
    standFor(this, this.kind, {});
  }
}

/** A key of a Secret in the namespace of the run: as an argument, a variable, or a header. */
export class SecretKey {
  readonly kind = 'SecretKey' as const;

  constructor(name: string, key: string) {
    standForSecretKey(this, { name, key });
  }
}

/** A volume or transform of `spec` by its name, in an argument or a variable: `$(name)`. */
export class Reference {
  readonly kind = 'Reference' as const;

  constructor(name: string) {
    standForName(this, name);
  }
}

/** Sends a stream to a server while the target runs. */
export class ChunkedTransferEncodingStream {
  readonly kind = 'ChunkedTransferEncodingStream' as const;

  constructor(url: string, headers: Readonly<Record<string, string | SecretKey>> = {}) {
    standFor(this, this.kind, { url, headers });
  }
}

/** A file of Girder as the source of a stream. */
export class GirderFileIdToStream {
  readonly kind = 'GirderFileIdToStream' as const;

  constructor(fileId: string) {
    standFor(this, this.kind, { _id: fileId });
  }
}

export type StreamInput = GirderFileIdToStream | NamedOutputPipe | ContainerStdOut | ContainerStdErr;
export type StreamOutput = NamedInputPipe | HostStdOut | HostStdErr | ChunkedTransferEncodingStream;

/** Connects a file of Girder to a NamedInputPipe, or what the target writes to another output. */
export class Connect {
  readonly kind = 'Connect' as const;

  constructor(input: StreamInput, output: StreamOutput) {
    standFor(this, this.kind, { input, output });
  }
}

/** Downloads a file of Girder. Without a filename it is at `<fileId>/<name in Girder>`. */
export class GirderFileIdToVolume {
  readonly kind = 'GirderFileIdToVolume' as const;

  constructor(fileId: string, { volume, filename }: InVolume & { readonly filename?: string } = {}) {
    standFor(this, this.kind, { _id: fileId, volume, filename });
  }
}

/** Downloads an item of Girder. */
export class GirderItemIdToVolume {
  readonly kind = 'GirderItemIdToVolume' as const;

  constructor(itemId: string, { volume }: InVolume = {}) {
    standFor(this, this.kind, { _id: itemId, volume });
  }
}

/** Downloads a folder of Girder with everything in it. */
export class GirderFolderIdToVolume {
  readonly kind = 'GirderFolderIdToVolume' as const;

  constructor(folderId: string, { volume, folderName }: InVolume & { readonly folderName?: string } = {}) {
    standFor(this, this.kind, { _id: folderId, volume, folder_name: folderName });
  }
}

/** What an upload sends along; `filename` is for a single file. */
export type UploadKeywords = {
  readonly reference?: string;
  readonly mimeType?: string;
  readonly filename?: string;
};

export type UploadOptions = { readonly deleteFile?: boolean; readonly uploadKwargs?: UploadKeywords };

/** Uploads a file that the target wrote, or the files of a directory, to an item of Girder. */
export class GirderUploadVolumePathToItem {
  readonly kind = 'GirderUploadVolumePathToItem' as const;

  constructor(
    volumePath: VolumePath | Volume,
    itemId: string,
    { deleteFile, uploadKwargs }: UploadOptions = {},
  ) {
    const options = { delete_file: deleteFile, upload_kwargs: uploadKwargs };
    standFor(this, this.kind, { volumepath: volumePath, item_id: itemId, ...options });
  }
}

/** Uploads a file that the target wrote, or a directory with everything in it, to a folder of Girder. */
export class GirderUploadVolumePathToFolder {
  readonly kind = 'GirderUploadVolumePathToFolder' as const;

  /** @param options `mustExist: false` lets the run succeed without the file */
  constructor(
    volumePath: VolumePath | Volume,
    folderId: string,
    { deleteFile, uploadKwargs, mustExist }: UploadOptions & { readonly mustExist?: boolean } = {},
  ) {
    const options = { delete_file: deleteFile, upload_kwargs: uploadKwargs, must_exist: mustExist };
    standFor(this, this.kind, { volumepath: volumePath, folder_id: folderId, ...options });
  }
}
