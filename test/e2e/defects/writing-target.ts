import { girderOf } from '../support/job-run.ts';
import type { Manifest } from '../support/runs.ts';

/** A target that leaves a result at `$1`, which becomes the file out.txt of an item; `hook` is added to the result hook. */
export function writingTarget(script: string, itemId: string, hook: Manifest = {}): Manifest {
  return {
    command: ['sh', '-c', script, 'sh'],
    args: ['$(out)'],
    transforms: [{ name: 'out', volumePath: { filename: 'out.txt' } }],
    girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath: 'out', itemId }, ...hook }],
    girder: girderOf(),
  };
}
