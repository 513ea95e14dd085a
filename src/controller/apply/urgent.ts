import { lastingVolumesOf } from '../../api/lasting-volumes.ts';
import type { DockerRunStatus } from '../../api/status.ts';
import type { Observed } from '../decide/decision.ts';
import { hasEnded } from '../observe/heard.ts';

/**
 * Whether a status has to be stored before anything else happens, however little of it is news: because a worker waits
 * for that to end, or because only the status tells on which node a lost worker left something.
 */
export function isUrgent(observed: Observed, status: DockerRunStatus): boolean {
  return hasEnded(observed.live) || mustKnowNode(observed, status);
}

function mustKnowNode({ run, pods }: Observed, { podName, nodeName }: DockerRunStatus): boolean {
  const { status, spec } = run;
  if (spec === undefined || pods.at(-1)?.worker.kind !== 'running') return false;
  if (status.podName === podName && status.nodeName === nodeName) return false;
  const { journalled, directories } = lastingVolumesOf(spec);
  return journalled.length + directories.length > 0;
}
