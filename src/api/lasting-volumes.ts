import { placeOf } from './places.ts';
import type { DockerRunSpec } from './spec.ts';

/**
 * The names of the volumes that outlive a pod and in which its worker makes something: files, which it notes in a
 * journal there, or a whole directory. A worker that is killed leaves both.
 */
export type JournalledVolumes = { readonly journalled: string[]; readonly directories: string[] };

/** Finds them in a spec; what a target itself puts into a volume is not meant. */
export function journalledVolumes({ volumes = [], transforms = [] }: DockerRunSpec): JournalledVolumes {
  const places = transforms.map(placeOf).filter((place) => place !== undefined);
  const filled = new Set(places.filter(({ kind }) => kind !== 'path').map(({ volume }) => volume));
  const journalled = volumes.filter(({ name, temporary }) => temporary === undefined && filled.has(name));
  const directories = volumes.filter(({ temporary }) => temporary?.hostDir !== undefined);
  return { journalled: journalled.map(({ name }) => name), directories: directories.map(({ name }) => name) };
}
