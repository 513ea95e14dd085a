import { podVolume } from '../../api/plan.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import { RunError } from '../../support/errors.ts';
import type { ObservedPod } from '../observe/observed.ts';
import { secretFieldOf } from '../job/pod-secrets.ts';

/**
 * How long a volume may fail to mount before the run fails: long enough for a Secret that is applied together
 * with its run, in whatever order, short enough that nobody waits for one that is missing. Counted from the first
 * failure to the last, since nobody says when it went well; the kubelet tries after 1, 2, 4… s, so also after 31 s.
 */
const mountGraceMs = 25_000;

/** How long after its creation a pod may still be in a state that waiting can mend, but mostly does not
 * (https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/images/types.go). */
const graceMs = new Map([
  ['InvalidImageName', 0],
  ['ErrImageNeverPull', 0],
  ['CreateContainerConfigError', 120_000],
  ['CreateContainerError', 120_000],
  ['ErrImagePull', 300_000],
  ['ImagePullBackOff', 300_000],
]);

/** What an Event says that keeps a pod from starting, when it said so first, and when last. */
export type Obstacle = { message: string; since: string; last: string };

/** What a pod waits for, and with `failure` why that can never come. */
export type Wait = { message: string; failure: RunError | undefined };

/** What a pod whose worker has not started waits for, and whether that can still come. */
export function waitingFor(
  pod: ObservedPod,
  { spec, mountFailure }: { spec: DockerRunSpec | undefined; mountFailure: Obstacle | undefined },
  now: Date,
): Wait {
  const grace = pod.worker.kind === 'waiting' ? graceMs.get(pod.worker.reason) : undefined;
  if (grace !== undefined) {
    const text = waitingMessage(pod);
    // Clocks differ a little: a pod may seem to be created in the future.
    const failed = Math.max(0, now.getTime() - Date.parse(pod.creationTimestamp)) >= grace;
    const sentence = `the worker in pod ${pod.name} cannot start: ${text}`;
    return { message: text, failure: failed ? new RunError('WorkerNotStarted', sentence) : undefined };
  }
  if (mountFailure !== undefined) {
    const text = `pod ${pod.name} on node ${pod.nodeName ?? '?'} cannot start: ${inWordsOfSpec(mountFailure.message, spec)}`;
    const failed = Date.parse(mountFailure.last) - Date.parse(mountFailure.since) >= mountGraceMs;
    return { message: text, failure: failed ? new RunError('VolumeMountFailed', text) : undefined };
  }
  if (pod.unschedulable !== undefined)
    return { message: `No node fits: ${pod.unschedulable}`, failure: undefined };
  return { message: waitingMessage(pod), failure: undefined };
}

function waitingMessage(pod: ObservedPod): string {
  if (pod.nodeName === undefined) return `Pod ${pod.name} waits for a node.`;
  if (pod.worker.kind === 'waiting' && pod.worker.message !== '')
    return `${pod.worker.reason}: ${pod.worker.message}`;
  return `Pod ${pod.name} is being started on node ${pod.nodeName}.`;
}

/** The kubelet names the volumes of the pod, which a user never wrote; this says what they stand for. */
function inWordsOfSpec(message: string, spec: DockerRunSpec | undefined): string {
  return message.replace(
    /volume "((?:secret|volume)-(\d+))"/g,
    (whole: string, name: string, index: string) => {
      if (spec === undefined) return whole;
      const volume = spec.volumes?.[Number(index)];
      if (volume !== undefined && name === podVolume(Number(index))) return `spec.volumes: ${volume.name}`;
      return secretFieldOf(name, spec) ?? whole;
    },
  );
}
