import { journalledVolumes } from '../../api/lasting-volumes.ts';
import type { DockerRunStatus } from '../../api/status.ts';
import type { Observed } from '../observe/observed.ts';

/** True when the write must not be delayed: it records the node of a worker that may leave something there. */
export function bypassesRateLimit({ run, pods }: Observed, { podName, nodeName }: DockerRunStatus): boolean {
  const { status, spec } = run;
  if (spec === undefined || pods.at(-1)?.worker.kind !== 'running') return false;
  if (status.podName === podName && status.nodeName === nodeName) return false;
  const { journalled, directories } = journalledVolumes(spec);
  return journalled.length + directories.length > 0;
}
