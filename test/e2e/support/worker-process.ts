import { readdir, readFile } from 'node:fs/promises';
import type { Lab } from './runs.ts';

/** The pid of a run's worker, found by the cgroup of its pod. */
export async function workerPid(lab: Lab, podName: string): Promise<number> {
  const pod = JSON.parse(await lab.kubectl('get', 'pod', podName, '-o', 'json')) as {
    metadata: { uid: string };
  };
  return rolePid(pod.metadata.uid, 'worker');
}

/** The pid of our program with this role in a pod of this machine; throws if there is no such process. */
export async function rolePid(podUid: string, role: 'worker' | 'controller'): Promise<number> {
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const read = (name: string) => readFile(`/proc/${entry}/${name}`, 'utf8').catch(() => '');
    const inPod = (await read('cgroup')).replaceAll('_', '-').includes(podUid);
    if (inPod && (await read('cmdline')).includes(`dockerrun.mjs\0${role}`)) return Number(entry);
  }
  throw new Error(`the pod with uid ${podUid} has no ${role}`);
}
