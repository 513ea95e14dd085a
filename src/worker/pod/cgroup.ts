import type { QosClass } from '../../api/plan.ts';
import { RunError } from '../../support/errors.ts';

type PodCgroup = { podUid: string; driver: 'cgroupfs' | 'systemd'; root: string; qosClass: QosClass };

/**
 * The pod's cgroup as `HostConfig.CgroupParent` wants it: a path with the cgroupfs driver, the name of a slice with
 * systemd. `selfCgroup` is /proc/self/cgroup of a container in the pod; it tells the truth unless the container has
 * a cgroup namespace of its own (usual with cgroup v2), and then the kubelet's rule for names is followed
 * (https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/cm/pod_container_manager_linux.go).
 * @throws RunError EngineUnavailable when only the engine uses systemd: the pod then has no slice to be in
 */
export function podCgroupParent(selfCgroup: string, pod: PodCgroup): string {
  const path = ownPath(selfCgroup, pod.podUid) ?? rulePath(pod);
  if (pod.driver === 'cgroupfs') return path;
  const slice = path.split('/').at(-1) ?? '';
  if (slice.endsWith('.slice')) return slice;
  throw new RunError(
    'EngineUnavailable',
    `the kubelet and the Docker Engine of the node use different cgroup drivers: the pod is in ${path}, and the engine's driver systemd needs a slice`,
  );
}

function ownPath(selfCgroup: string, podUid: string): string | undefined {
  const names = [podUid, podUid.replaceAll('-', '_')];
  for (const line of selfCgroup.split('\n')) {
    const segments = line.split(':').slice(2).join(':').split('/');
    const pod = segments.findIndex((segment) => names.some((name) => segment.includes(`pod${name}`)));
    if (pod !== -1) return segments.slice(0, pod + 1).join('/');
  }
  return undefined;
}

function rulePath({ podUid, driver, root, qosClass }: PodCgroup): string {
  const qos = qosClass === 'Guaranteed' ? [] : [qosClass.toLowerCase()];
  const names = ['kubepods', ...qos, `pod${podUid}`];
  if (driver === 'cgroupfs') return [root.replace(/\/+$/, ''), ...names].join('/');
  return `${names.map((name) => name.replaceAll('-', '_')).join('-')}.slice`;
}
