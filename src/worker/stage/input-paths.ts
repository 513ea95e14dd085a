import type { SharedVolume } from '../run-environment.ts';
import type { Download } from './steps.ts';

/** What the run itself put into its volumes: paths below each of them, with everything below these. */
export type InputPaths = ReadonlyMap<SharedVolume, ReadonlySet<string>>;

/** Of a download without a filename, which has the directory of its id for itself, the whole directory. Pure. */
export function inputPathsOf(
  downloads: readonly Download[],
  downloaded: ReadonlyMap<string, string>,
): InputPaths {
  const paths = new Map<SharedVolume, Set<string>>();
  for (const { names, volume, source } of downloads) {
    const path = downloaded.get(names[0] ?? '');
    if (path === undefined) continue;
    const isNamed = source.kind === 'file' && source.filename !== undefined;
    const own = paths.get(volume) ?? new Set();
    paths.set(volume, own.add(isNamed ? path : (path.split('/')[0] ?? path)));
  }
  return paths;
}
