import { readdir, readFile } from 'node:fs/promises';
import type { Lab } from './runs.ts';

/** The process of a run's worker, found by the cgroup of its pod. */
export async function workerPid(lab: Lab, podName: string): Promise<number> {
  const pod = JSON.parse(await lab.kubectl('get', 'pod', podName, '-o', 'json')) as {
    metadata: { uid: string };
  };
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const read = (name: string) => readFile(`/proc/${entry}/${name}`, 'utf8').catch(() => '');
    const inPod = (await read('cgroup')).replaceAll('_', '-').includes(pod.metadata.uid);
    if (inPod && (await read('cmdline')).includes('dockerrun.mjs\0worker')) return Number(entry);
  }
  throw new Error(`pod ${podName} has no worker`);
}
