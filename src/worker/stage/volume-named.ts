import { temporaryVolumeName } from '../../api/names.ts';
import type { SharedVolume } from '../run-environment.ts';

/** The volume of that name; the one that every run has when there is no name. */
export function volumeNamed(volumes: readonly SharedVolume[], name = temporaryVolumeName): SharedVolume {
  const volume = volumes.find((candidate) => candidate.name === name);
  if (volume === undefined) throw new TypeError(`no volume is named ${name}`);
  return volume;
}
