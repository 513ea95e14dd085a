import { girderOf } from '../support/job-run.ts';
import type { Manifest } from '../support/runs.ts';

/** A target that writes a result to `$1`, uploaded to an item as out.txt; `hook` extends the result hook. */
export function writingTarget(script: string, itemId: string, hook: Manifest = {}): Manifest {
  return {
    command: ['sh', '-c', script, 'sh'],
    args: ['$(out)'],
    transforms: [{ name: 'out', volumePath: { filename: 'out.txt' } }],
    girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath: 'out', itemId }, ...hook }],
    girder: girderOf(),
  };
}
