import type { GirderResultHook } from './hooks.ts';
import { temporaryVolumeName } from './names.ts';
import type { DockerRunSpec } from './spec.ts';

type Upload = NonNullable<
  GirderResultHook['girderUploadVolumePathToItem'] | GirderResultHook['girderUploadVolumePathToFolder']
>;

/** What a result hook uploads. */
export type ResultUpload = {
  /** The field that says so, such as `spec.girderResultHooks[0].girderUploadVolumePathToItem`. */
  readonly field: string;
  readonly upload: Upload;
  readonly volume: string;
  /** All that is in the volume, as opposed to the file or directory of a volumePath. */
  readonly isWholeVolume: boolean;
};

/** The uploads of a spec in the order of its hooks. */
export function resultUploadsOf(spec: DockerRunSpec): ResultUpload[] {
  return (spec.girderResultHooks ?? []).flatMap((hook, index) => {
    const { girderUploadVolumePathToItem: item, girderUploadVolumePathToFolder: folder } = hook;
    const upload = item ?? folder;
    if (upload === undefined) return [];
    const kind = item === undefined ? 'girderUploadVolumePathToFolder' : 'girderUploadVolumePathToItem';
    const path = spec.transforms?.find(({ name }) => name === upload.volumePath)?.volumePath;
    const volume = path === undefined ? upload.volumePath : (path.volume ?? temporaryVolumeName);
    const field = `spec.girderResultHooks[${index}].${kind}`;
    return [{ field, upload, volume, isWholeVolume: path === undefined }];
  });
}
