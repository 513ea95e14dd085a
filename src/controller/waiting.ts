import type { DockerRunSpec } from '../api/spec.ts';
import { RunError } from '../support/errors.ts';
import type { ObservedPod } from './observed.ts';

/**
 * How long a volume may fail to mount before the run fails: long enough for a Secret that is applied together
 * with its run, in whatever order, short enough that nobody waits for one that is missing.
 */
const mountGraceMs = 30_000;

/** Waiting reasons of a container that no waiting mends
 * (https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/images/types.go). */
const permanent = new Set([
  'InvalidImageName',
  'ErrImageNeverPull',
  'CreateContainerConfigError',
  'CreateContainerError',
]);

/** What an Event says that keeps a pod from starting, and since when. */
export type Obstacle = { message: string; since: string };

export type Wait = { message: string; failure: RunError | undefined };

/** What a pod whose worker has not started waits for, and whether that can still come. */
export function waitingFor(
  pod: ObservedPod,
  { spec, mountFailure }: { spec: DockerRunSpec | undefined; mountFailure: Obstacle | undefined },
  now: Date,
): Wait {
  if (pod.worker.kind === 'waiting' && permanent.has(pod.worker.reason)) {
    const text = `${pod.worker.reason}: ${pod.worker.message}`;
    return {
      message: text,
      failure: new RunError('WorkerImageUnavailable', `the worker in pod ${pod.name} cannot start: ${text}`),
    };
  }
  if (mountFailure !== undefined) {
    const text = `pod ${pod.name} on node ${pod.nodeName ?? '?'} cannot start: ${inWordsOfSpec(mountFailure.message, spec)}`;
    const failed = now.getTime() - Date.parse(mountFailure.since) >= mountGraceMs;
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
  return message.replace(/volume "(env|volume)-(\d+)"/g, (whole: string, what: string, index: string) => {
    if (what === 'volume') return `spec.volumes[${index}] (${spec?.volumes?.[Number(index)]?.name ?? whole})`;
    return `spec.env[${index}] (Secret ${spec?.env?.[Number(index)]?.valueFrom?.secretKeyRef.name ?? whole})`;
  });
}
