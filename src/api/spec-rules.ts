import { type CelRule } from './keywords.ts';
import { temporaryVolumeName } from './names.ts';

/**
 * Rules about ambiguous and undeclared names. The controller checks `$(name)` in commands and arguments
 * (`validate.ts`): the API server bounds a rule by its worst-case cost, and 1024 texts of 32 KiB exceed the
 * bound.
 */

/** CEL: each list holds what must be set, parents first, for a transform `t` to refer to a volume. */
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

export const nameRules: readonly CelRule[] = [
  {
    rule: '!has(self.volumes) || !has(self.transforms) || !self.transforms.exists(t, self.volumes.exists(v, v.name == t.name))',
    message: 'a transform has the name of a volume, so $(name) is ambiguous',
  },
  {
    rule: `!has(self.transforms) || self.transforms.all(t, ${volumeReferences.map(isVolumeIfSet).join(' && ')})`,
    message: `a transform refers to a volume that does not exist: use the name of one in spec.volumes, or ${temporaryVolumeName}`,
  },
  {
    rule: `!has(self.girderResultHooks) || self.girderResultHooks.all(h, ${uploads.join(' && ')})`,
    message:
      'a hook refers to a volumePath that does not exist: use the name of a volumePath in spec.transforms, or of a volume',
  },
];
