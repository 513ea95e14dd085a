import { type CelRule } from './keywords.ts';
import { temporaryVolumeName } from './names.ts';

/**
 * Names that mean two things or nothing. `$(name)` in commands and arguments is left to the controller
 * (`validate/names.ts`): the API server bounds a rule by its greatest possible cost, and reading 1024 texts of 32 KiB
 * exceeds that bound.
 */

/** Where a transform names a volume, in CEL from the transform `t`; a member's own parents are there if it is. */
const volumeReferences = [
  ['t.girderFileIdToVolume'],
  ['t.girderItemIdToVolume'],
  ['t.girderFolderIdToVolume'],
  ['t.volumePath'],
  ['t.progressPipe'],
  ['t.namedInputPipe'],
  ['t.namedOutputPipe'],
  ['t.connect', 't.connect.input.namedOutputPipe'],
  ['t.connect', 't.connect.output.namedInputPipe'],
];

const isVolume = (name: string) =>
  `(${name} == '${temporaryVolumeName}' || (has(self.volumes) && self.volumes.exists(v, v.name == ${name})))`;

const isVolumeIfSet = (path: readonly string[]) => {
  const field = `${path.at(-1)}.volume`;
  return `((${[...path, field].map((part) => `has(${part})`).join(' && ')}) ? ${isVolume(field)} : true)`;
};

const isUploadable = (name: string) =>
  `(${isVolume(name)} || (has(self.transforms) && self.transforms.exists(t, has(t.volumePath) && t.name == ${name})))`;

const uploads = ['h.girderUploadVolumePathToItem', 'h.girderUploadVolumePathToFolder'].map(
  (kind) => `(has(${kind}) ? ${isUploadable(`${kind}.volumePath`)} : true)`,
);

/** The rules of a spec about its names. */
export const nameRules: readonly CelRule[] = [
  {
    rule: '!has(self.volumes) || !has(self.transforms) || !self.transforms.exists(t, self.volumes.exists(v, v.name == t.name))',
    message: 'a transform has the name of a volume, so $(name) could mean both',
  },
  {
    rule: `!has(self.transforms) || self.transforms.all(t, ${volumeReferences.map(isVolumeIfSet).join(' && ')})`,
    message: `a transform is in a volume that the run has not: name one of spec.volumes, or ${temporaryVolumeName}`,
  },
  {
    rule: `!has(self.girderResultHooks) || self.girderResultHooks.all(h, ${uploads.join(' && ')})`,
    message: 'a hook uploads what the run has not: name a volumePath of spec.transforms, or a volume',
  },
];
