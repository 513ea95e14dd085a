import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { parseMetadata, parseOlderSpec, parsePartialSpec, parseSpec } from '../../api/docker-run.ts';
import { boundsProblem, cachedSpecBounds, statusBounds } from '../../api/json-values.ts';
import { isRecord } from '../../api/json-values.ts';
import {
  apiVersion,
  generationAnnotation,
  kind,
  labels,
  queueNameLabel,
  specHashAnnotation,
  suspendedAnnotation,
  workerContainerName,
} from '../../api/names.ts';
import { exitCodes, failureCountAnnotation } from '../../api/run-plan.ts';
import { parseReport } from '../../api/report.ts';
import { type DockerRunStatus, dockerRunStatus } from '../../api/status.ts';
import { listAt, numberAt, recordAt, textAt } from '../../kube/json.ts';
import type {
  CachedRun,
  InitProblem,
  ObservedJob,
  ObservedPod,
  ObservedRun,
  WorkerState,
} from './observed.ts';

/** Parses a stored DockerRun; a spec that only the schema of another version accepts has a `problem`. */
export function parseRun(object: unknown): ObservedRun {
  const metadata = parseMetadata(recordAt(object, 'metadata'));
  const status = parseStatus(recordAt(object, 'status'));
  const value = isRecord(object) ? object['spec'] : undefined;
  const parsed = parseSpec(value);
  if ('spec' in parsed) return { metadata, status, spec: parsed.spec };
  const problem = `${parsed.problem}; another version of DockerRun stored it`;
  const spec = parseOlderSpec(value);
  if (spec !== undefined) return { metadata, status, spec, problem };
  const partial = parsePartialSpec(value);
  return partial === undefined
    ? { metadata, status, problem }
    : { metadata, status, spec: partial, problem, isPartial: true };
}

/**
 * The run without a large spec: five thousand suspended runs with the largest specs have 500 MB of them, and
 * anyone who may create runs can make them.
 */
export function withoutLargeSpec(run: ObservedRun): CachedRun {
  if (run.spec === undefined || boundsProblem(run.spec, cachedSpecBounds) === undefined) return run;
  return { metadata: run.metadata, status: run.status, specIsLarge: true };
}

/**
 * Normally only the controller writes the status. Of one that it would not have written, only the fields that say
 * where the run is are kept: the rest would be written back, and the API server could refuse it for ever.
 */
function parseStatus(status: Record<string, unknown>): DockerRunStatus {
  const isBounded = boundsProblem(status, statusBounds) === undefined;
  if (isBounded && Value.Check(dockerRunStatus, status)) return status;
  const kept = statusFieldsKept.flatMap((name) => {
    const value = status[name];
    const isSmall = typeof value === 'number' || (typeof value === 'string' && value.length <= 253);
    return isSmall && Value.Check(dockerRunStatus.properties[name], value) ? [[name, value] as const] : [];
  });
  return Object.fromEntries(kept);
}

const statusFieldsKept = [
  'observedGeneration',
  'phase',
  'reason',
  'attempts',
  'jobName',
  'podName',
  'nodeName',
  'startTime',
  'completionTime',
] as const satisfies readonly (keyof DockerRunStatus)[];

/** In characters. Names have at most 253, and a status shows no more of a message. */
export const longestText = 4_096;

/** Like `textAt`; a longer text is cut and copied, so that the whole of it does not stay in memory. */
function shortTextAt(value: unknown, key: string): string | undefined {
  const text = textAt(value, key);
  return text === undefined || text.length <= longestText
    ? text
    : Buffer.from(text.slice(0, longestText)).toString();
}

/** A time in RFC 3339; undefined for a text that is none, with which nothing could be calculated. */
function timeAt(value: unknown, key: string): string | undefined {
  const text = shortTextAt(value, key);
  return text !== undefined && Value.Check(time, text) ? text : undefined;
}

const time = Type.String({ format: 'date-time', maxLength: 64 });

export function parseJob(object: unknown): ObservedJob {
  const metadata = recordAt(object, 'metadata');
  const status = recordAt(object, 'status');
  const count = (name: string) => countOf(numberAt(status, name));
  return {
    namespace: shortTextAt(metadata, 'namespace') ?? '',
    name: shortTextAt(metadata, 'name') ?? '',
    uid: shortTextAt(metadata, 'uid') ?? '',
    ownerUid: controllerUid(metadata, { apiVersion, kind }),
    creationTimestamp: timeAt(metadata, 'creationTimestamp') ?? '',
    origin: originOf(recordAt(metadata, 'annotations')),
    finished: finishedJob(status),
    endedPods: count('succeeded') + count('failed'),
    backoffLimit: countOf(numberAt(recordAt(object, 'spec'), 'backoffLimitPerIndex')),
    suspendedBy: suspendedBy(object),
    isQueued: shortTextAt(recordAt(metadata, 'labels'), queueNameLabel) !== undefined,
    deletionTimestamp: timeAt(metadata, 'deletionTimestamp'),
  };
}

function originOf(annotations: unknown): ObservedJob['origin'] {
  const generation = Number(shortTextAt(annotations, generationAnnotation));
  return {
    generation: Number.isSafeInteger(generation) ? generation : undefined,
    specHash: shortTextAt(annotations, specHashAnnotation),
  };
}

function suspendedBy(object: unknown): ObservedJob['suspendedBy'] {
  if (recordAt(object, 'spec')['suspend'] !== true) return undefined;
  const annotations = recordAt(recordAt(object, 'metadata'), 'annotations');
  return shortTextAt(annotations, suspendedAnnotation) === undefined ? 'other' : 'operator';
}

/** The uid of the owner that manages the object. Of the others, a user may add any. */
function controllerUid(metadata: unknown, owner: { apiVersion: string; kind: string }): string | undefined {
  const found = listAt(metadata, 'ownerReferences').find(
    (reference) =>
      shortTextAt(reference, 'apiVersion') === owner.apiVersion &&
      shortTextAt(reference, 'kind') === owner.kind &&
      recordAt({ reference }, 'reference')['controller'] === true,
  );
  return shortTextAt(found, 'uid');
}

function finishedJob(status: unknown): ObservedJob['finished'] {
  for (const condition of listAt(status, 'conditions')) {
    const type = shortTextAt(condition, 'type');
    if ((type !== 'Complete' && type !== 'Failed') || shortTextAt(condition, 'status') !== 'True') continue;
    return {
      succeeded: type === 'Complete',
      reason: shortTextAt(condition, 'reason') ?? '',
      message: shortTextAt(condition, 'message') ?? '',
      at: timeAt(condition, 'lastTransitionTime'),
    };
  }
  return undefined;
}

/** At most what Kubernetes itself counts to, 2^31 - 1. */
function countOf(value: unknown): number {
  const count = Number(value);
  return Number.isInteger(count) && count > 0 ? Math.min(count, 2 ** 31 - 1) : 0;
}

export function parsePod(object: unknown): ObservedPod {
  const metadata = recordAt(object, 'metadata');
  const status = recordAt(object, 'status');
  const podLabels = recordAt(metadata, 'labels');
  return {
    namespace: shortTextAt(metadata, 'namespace') ?? '',
    name: shortTextAt(metadata, 'name') ?? '',
    uid: shortTextAt(metadata, 'uid') ?? '',
    runUid: shortTextAt(podLabels, labels.runUid) ?? '',
    jobUid: controllerUid(metadata, { apiVersion: 'batch/v1', kind: 'Job' }),
    creationTimestamp: timeAt(metadata, 'creationTimestamp') ?? '',
    failuresBefore: countOf(shortTextAt(recordAt(metadata, 'annotations'), failureCountAnnotation)),
    phase: shortTextAt(status, 'phase') ?? '',
    scheduledAt: trueSince(status, 'PodScheduled') ?? timeAt(status, 'startTime'),
    hasSandbox: trueSince(status, 'PodReadyToStartContainers') !== undefined,
    nodeName: shortTextAt(recordAt(object, 'spec'), 'nodeName'),
    podIP: shortTextAt(status, 'podIP'),
    deletionTimestamp: timeAt(metadata, 'deletionTimestamp'),
    reason: shortTextAt(status, 'reason'),
    message: shortTextAt(status, 'message'),
    disruption: disruption(status) ?? nodeFault(workerState(status)) ?? rejection(object),
    isRejected: rejection(object) !== undefined,
    evictedForPressure:
      shortTextAt(status, 'reason') === 'Evicted' &&
      (shortTextAt(status, 'message') ?? '').startsWith('The node was low on resource'),
    unschedulable: unschedulable(status),
    init: initProblem(status, restartableNames(recordAt(object, 'spec'))),
    worker: workerState(status),
    isKeptByOthers: isKeptByOthers(status),
  };
}

function disruption(status: unknown): ObservedPod['disruption'] {
  const found = listAt(status, 'conditions').find(
    (condition) =>
      shortTextAt(condition, 'type') === 'DisruptionTarget' && shortTextAt(condition, 'status') === 'True',
  );
  if (found === undefined) return undefined;
  return {
    reason: shortTextAt(found, 'reason') ?? 'Disrupted',
    message: shortTextAt(found, 'message') ?? '',
  };
}

/** The Job replaces the pod of such a worker without counting it, as it does after a disruption. */
function nodeFault(worker: WorkerState): ObservedPod['disruption'] {
  if (worker.kind !== 'terminated' || worker.exitCode !== exitCodes.node) return undefined;
  const { reason, message } = worker.report ?? {};
  return {
    reason: reason ?? 'EngineReplaced',
    message: message ?? 'the Docker Engine of the node restarted',
  };
}

/**
 * Why the kubelet rejected a pod that the scheduler had placed there: the labels or the room of the node had changed. It
 * removes all conditions and containers of the status (rejectPod of the kubelet), so that no rule of the
 * podFailurePolicy of a Job matches.
 */
function rejection(object: unknown): ObservedPod['disruption'] {
  const status = recordAt(object, 'status');
  const isBare = ['conditions', 'initContainerStatuses', 'containerStatuses'].every(
    (list) => listAt(status, list).length === 0,
  );
  const isOnNode = shortTextAt(recordAt(object, 'spec'), 'nodeName') !== undefined;
  const reason = shortTextAt(status, 'reason');
  if (shortTextAt(status, 'phase') !== 'Failed' || !isBare || !isOnNode || reason === undefined)
    return undefined;
  return { reason, message: shortTextAt(status, 'message') ?? '' };
}

/** Since when a condition of the pod has been true; undefined while it is not. */
function trueSince(status: unknown, type: string): string | undefined {
  const condition = listAt(status, 'conditions').find((one) => shortTextAt(one, 'type') === type);
  return shortTextAt(condition, 'status') === 'True' ? timeAt(condition, 'lastTransitionTime') : undefined;
}

function unschedulable(status: unknown): string | undefined {
  const scheduled = listAt(status, 'conditions').find(
    (condition) => shortTextAt(condition, 'type') === 'PodScheduled',
  );
  return shortTextAt(scheduled, 'status') === 'False'
    ? (shortTextAt(scheduled, 'message') ?? 'not scheduled')
    : undefined;
}

/** The init containers that run beside the others for as long as the pod. */
function restartableNames(spec: unknown): ReadonlySet<string> {
  const restartable = listAt(spec, 'initContainers').filter(
    (container) => textAt(container, 'restartPolicy') === 'Always',
  );
  return new Set(restartable.map((container) => shortTextAt(container, 'name') ?? ''));
}

/** The worker's pod has no init container of its own; the worker starts only after those that others added. */
function initProblem(status: unknown, restartable: ReadonlySet<string>): InitProblem | undefined {
  for (const container of listAt(status, 'initContainerStatuses')) {
    const name = shortTextAt(container, 'name') ?? '';
    const state = recordAt(container, 'state');
    const terminated = state['terminated'];
    const exitCode = numberAt(terminated, 'exitCode') ?? 0;
    if (isRecord(terminated) && exitCode !== 0) {
      const why = [shortTextAt(terminated, 'reason'), shortTextAt(terminated, 'message')].filter(
        (text) => text,
      );
      const sentence = `${name}, which was added to the pod, ended with exit code ${exitCode}: ${why.join(', ')}`;
      return { sentence, failed: shortTextAt(status, 'phase') === 'Failed' };
    }
    // One that restarts has to be started; any other has to end, and the kubelet calls it started as well.
    const isStarted = recordAt({ container }, 'container')['started'] === true;
    if (isRecord(terminated) || (isStarted && restartable.has(name))) continue;
    const waiting = recordAt(state, 'waiting');
    const why = [shortTextAt(waiting, 'reason'), shortTextAt(waiting, 'message')].filter((text) => text);
    const doing = isRecord(state['running']) ? 'has not finished' : `has not started: ${why.join(', ')}`;
    return { sentence: `${name}, which was added to the pod, ${doing}`, failed: false };
  }
  return undefined;
}

/** True while a container that others added to the pod has not ended. */
function isKeptByOthers(status: unknown): boolean {
  const all = ['initContainerStatuses', 'containerStatuses'].flatMap((list) => listAt(status, list));
  return all.some(
    (one) =>
      shortTextAt(one, 'name') !== workerContainerName &&
      !isRecord(recordAt(recordAt({ one }, 'one'), 'state')['terminated']),
  );
}

function workerState(status: unknown): WorkerState {
  const container = listAt(status, 'containerStatuses').find(
    (one) => shortTextAt(one, 'name') === workerContainerName,
  );
  const state = recordAt(container, 'state');
  if (isRecord(state['running'])) return { kind: 'running' };
  const terminated = state['terminated'];
  if (isRecord(terminated)) {
    return {
      kind: 'terminated',
      exitCode: numberAt(terminated, 'exitCode') ?? -1,
      reason: shortTextAt(terminated, 'reason') ?? '',
      report: parseReport(textAt(terminated, 'message')),
    };
  }
  const waiting = recordAt(state, 'waiting');
  return {
    kind: 'waiting',
    reason: shortTextAt(waiting, 'reason') ?? '',
    message: shortTextAt(waiting, 'message') ?? '',
  };
}
