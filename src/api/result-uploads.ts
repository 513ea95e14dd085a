import type { GirderResultHook } from './hooks.ts';
import { temporaryVolumeName } from './names.ts';
import type { DockerRunSpec } from './spec.ts';

type Upload = NonNullable<
  GirderResultHook['girderUploadVolumePathToItem'] | GirderResultHook['girderUploadVolumePathToFolder']
>;

/** What a result hook uploads, whereto and when. */
export type ResultUpload = {
  /** The index of the hook. */
  readonly hook: number;
  /** The field that says so, such as `spec.girderResultHooks[0].girderUploadVolumePathToItem`. */
  readonly field: string;
  readonly upload: Upload;
  readonly to: { readonly itemId: string } | { readonly folderId: string };
  readonly volume: string;
  /** The file or directory of a volumePath, below the volume; absent for all that is in it. */
  readonly path: string | undefined;
} & Readonly<Pick<GirderResultHook, 'when' | 'optional'>>;

/** The uploads of a spec in the order of its hooks. */
export function resultUploadsOf(spec: DockerRunSpec): ResultUpload[] {
  return (spec.girderResultHooks ?? []).flatMap((given, hook): ResultUpload[] => {
    const {
      girderUploadVolumePathToItem: item,
      girderUploadVolumePathToFolder: folder,
      when,
      optional,
    } = given;
    const field = `spec.girderResultHooks[${hook}]`;
    const common = { hook, when, optional };
    if (item !== undefined) {
      const kind = `${field}.girderUploadVolumePathToItem`;
      const to = { itemId: item.itemId };
      return [{ ...common, field: kind, upload: item, to, ...placeNamed(spec, item.volumePath) }];
    }
    if (folder === undefined) return [];
    const kind = `${field}.girderUploadVolumePathToFolder`;
    const to = { folderId: folder.folderId };
    return [{ ...common, field: kind, upload: folder, to, ...placeNamed(spec, folder.volumePath) }];
  });
}

/** The place of a volumePath; any other name is that of a volume. */
function placeNamed(spec: DockerRunSpec, name: string): Pick<ResultUpload, 'volume' | 'path'> {
  const path = spec.transforms?.find((candidate) => candidate.name === name)?.volumePath;
  if (path === undefined) return { volume: name, path: undefined };
  return { volume: path.volume ?? temporaryVolumeName, path: path.filename };
}
