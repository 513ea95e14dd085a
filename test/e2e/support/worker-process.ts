import { readdir, readFile } from 'node:fs/promises';
import type { Lab } from './runs.ts';
import { onTestNode } from './test-node.ts';

/** The pid of a run's worker, found by the cgroup of its pod. */
export async function workerPid(lab: Lab, podName: string): Promise<number> {
  const pod = JSON.parse(await lab.kubectl('get', 'pod', podName, '-o', 'json')) as {
    metadata: { uid: string };
  };
  return rolePid(pod.metadata.uid, 'worker');
}

/** Kills the worker of a run on the node that is tested, without a warning; throws if it has none there. */
export async function killWorker(lab: Lab, podName: string): Promise<void> {
  const uid = await lab.kubectl('get', 'pod', podName, '-o', 'jsonpath={.metadata.uid}');
  // systemd's names of cgroups have _ for the - of a uid.
  const isOurs = `grep -qE '${uid.replaceAll('-', '[-_]')}' $p/cgroup && tr '\\0' ' ' < $p/cmdline | grep -q 'dockerrun.mjs worker'`;
  const search = `for p in /proc/[0-9]*; do if ${isOurs}; then kill -KILL "\${p#/proc/}" && exit 0; fi; done 2> /dev/null`;
  await onTestNode(`${search}; echo 'there is no worker' >&2; exit 1`);
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
