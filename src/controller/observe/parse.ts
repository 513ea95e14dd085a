import { parseMetadata, parseSpec } from '../../api/docker-run.ts';
import { boundsProblem, statusBounds } from '../../api/json-values.ts';
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
import { exitCodes } from '../../api/reasons.ts';
import { failureCountAnnotation } from '../../api/run-plan.ts';
import { parseReport } from '../../api/report.ts';
import type { DockerRunStatus } from '../../api/status.ts';
import { listAt, numberAt, recordAt, textAt } from '../../kube/json.ts';
import type { InitProblem, ObservedJob, ObservedPod, ObservedRun, WorkerState } from './observed.ts';

/** Parses a stored DockerRun; a spec that only an older schema accepts becomes a `problem`. */
export function parseRun(object: unknown): ObservedRun {
  const metadata = parseMetadata(recordAt(object, 'metadata'));
  const status = parseStatus(recordAt(object, 'status'));
  const parsed = parseSpec(isRecord(object) ? object['spec'] : undefined);
  return 'spec' in parsed
    ? { metadata, status, spec: parsed.spec }
    : { metadata, status, problem: parsed.problem };
}

/**
 * The API server stores only what the schema of the status allows, and normally only the controller writes it.
 * Of a status that somebody else has made too large, only the fields that say where the run is are kept.
 */
function parseStatus(status: Record<string, unknown>): DockerRunStatus {
  if (boundsProblem(status, statusBounds) === undefined) return status;
  const kept = statusFieldsKept.flatMap((name) => {
    const value = status[name];
    const isSmall = typeof value === 'number' || (typeof value === 'string' && value.length <= 253);
    return isSmall ? [[name, value] as const] : [];
  });
  return Object.fromEntries(kept);
}

const statusFieldsKept: readonly (keyof DockerRunStatus)[] = [
  'observedGeneration',
  'phase',
  'reason',
  'attempts',
  'jobName',
  'podName',
  'nodeName',
  'startTime',
  'completionTime',
];

export function parseJob(object: unknown): ObservedJob {
  const metadata = recordAt(object, 'metadata');
  const status = recordAt(object, 'status');
  const count = (name: string) => numberAt(status, name) ?? 0;
  return {
    namespace: textAt(metadata, 'namespace') ?? '',
    name: textAt(metadata, 'name') ?? '',
    uid: textAt(metadata, 'uid') ?? '',
    ownerUid: controllerUid(metadata, { apiVersion, kind }),
    creationTimestamp: textAt(metadata, 'creationTimestamp') ?? '',
    origin: originOf(recordAt(metadata, 'annotations')),
    finished: finishedJob(status),
    endedPods: count('succeeded') + count('failed'),
    suspendedBy: suspendedBy(object),
    isQueued: textAt(recordAt(metadata, 'labels'), queueNameLabel) !== undefined,
    deletionTimestamp: textAt(metadata, 'deletionTimestamp'),
  };
}

function originOf(annotations: unknown): ObservedJob['origin'] {
  const generation = Number(textAt(annotations, generationAnnotation));
  return {
    generation: Number.isSafeInteger(generation) ? generation : undefined,
    specHash: textAt(annotations, specHashAnnotation),
  };
}

function suspendedBy(object: unknown): ObservedJob['suspendedBy'] {
  if (recordAt(object, 'spec')['suspend'] !== true) return undefined;
  const annotations = recordAt(recordAt(object, 'metadata'), 'annotations');
  return textAt(annotations, suspendedAnnotation) === undefined ? 'other' : 'operator';
}

/** The uid of the owner that manages the object. Of the others, a user may add any. */
function controllerUid(metadata: unknown, owner: { apiVersion: string; kind: string }): string | undefined {
  const found = listAt(metadata, 'ownerReferences').find(
    (reference) =>
      textAt(reference, 'apiVersion') === owner.apiVersion &&
      textAt(reference, 'kind') === owner.kind &&
      recordAt({ reference }, 'reference')['controller'] === true,
  );
  return textAt(found, 'uid');
}

function finishedJob(status: unknown): ObservedJob['finished'] {
  for (const condition of listAt(status, 'conditions')) {
    const type = textAt(condition, 'type');
    if ((type !== 'Complete' && type !== 'Failed') || textAt(condition, 'status') !== 'True') continue;
    return {
      succeeded: type === 'Complete',
      reason: textAt(condition, 'reason') ?? '',
      message: textAt(condition, 'message') ?? '',
      at: textAt(condition, 'lastTransitionTime') ?? '',
    };
  }
  return undefined;
}

export function parsePod(object: unknown): ObservedPod {
  const metadata = recordAt(object, 'metadata');
  const status = recordAt(object, 'status');
  const podLabels = recordAt(metadata, 'labels');
  return {
    namespace: textAt(metadata, 'namespace') ?? '',
    name: textAt(metadata, 'name') ?? '',
    uid: textAt(metadata, 'uid') ?? '',
    runUid: textAt(podLabels, labels.runUid) ?? '',
    jobUid: controllerUid(metadata, { apiVersion: 'batch/v1', kind: 'Job' }),
    creationTimestamp: textAt(metadata, 'creationTimestamp') ?? '',
    failuresBefore: Number(textAt(recordAt(metadata, 'annotations'), failureCountAnnotation) ?? 0),
    phase: textAt(status, 'phase') ?? '',
    scheduledAt: trueSince(status, 'PodScheduled') ?? textAt(status, 'startTime'),
    hasSandbox: trueSince(status, 'PodReadyToStartContainers') !== undefined,
    nodeName: textAt(recordAt(object, 'spec'), 'nodeName'),
    podIP: textAt(status, 'podIP'),
    deletionTimestamp: textAt(metadata, 'deletionTimestamp'),
    reason: textAt(status, 'reason'),
    message: textAt(status, 'message'),
    disruption: disruption(status) ?? nodeFault(workerState(status)),
    evictedForPressure:
      textAt(status, 'reason') === 'Evicted' &&
      (textAt(status, 'message') ?? '').startsWith('The node was low on resource'),
    unschedulable: unschedulable(status),
    init: initProblem(status),
    worker: workerState(status),
  };
}

function disruption(status: unknown): ObservedPod['disruption'] {
  const found = listAt(status, 'conditions').find(
    (condition) => textAt(condition, 'type') === 'DisruptionTarget' && textAt(condition, 'status') === 'True',
  );
  if (found === undefined) return undefined;
  return { reason: textAt(found, 'reason') ?? 'Disrupted', message: textAt(found, 'message') ?? '' };
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

/** Since when a condition of the pod has been true; undefined while it is not. */
function trueSince(status: unknown, type: string): string | undefined {
  const condition = listAt(status, 'conditions').find((one) => textAt(one, 'type') === type);
  return textAt(condition, 'status') === 'True' ? textAt(condition, 'lastTransitionTime') : undefined;
}

function unschedulable(status: unknown): string | undefined {
  const scheduled = listAt(status, 'conditions').find(
    (condition) => textAt(condition, 'type') === 'PodScheduled',
  );
  return textAt(scheduled, 'status') === 'False'
    ? (textAt(scheduled, 'message') ?? 'not scheduled')
    : undefined;
}

/** The worker's pod has no init container of its own; the worker starts only after those that others added. */
function initProblem(status: unknown): InitProblem | undefined {
  for (const container of listAt(status, 'initContainerStatuses')) {
    const name = textAt(container, 'name') ?? '';
    const state = recordAt(container, 'state');
    const terminated = state['terminated'];
    const exitCode = numberAt(terminated, 'exitCode') ?? 0;
    if (isRecord(terminated) && exitCode !== 0) {
      const why = [textAt(terminated, 'reason'), textAt(terminated, 'message')].filter((text) => text);
      const sentence = `${name}, which was added to the pod, ended with exit code ${exitCode}: ${why.join(', ')}`;
      return { sentence, failed: textAt(status, 'phase') === 'Failed' };
    }
    // One that restarts has to be started; any other has to end.
    if (isRecord(terminated) || recordAt({ container }, 'container')['started'] === true) continue;
    const waiting = recordAt(state, 'waiting');
    const why = [textAt(waiting, 'reason'), textAt(waiting, 'message')].filter((text) => text);
    const doing = isRecord(state['running']) ? 'has not finished' : `has not started: ${why.join(', ')}`;
    return { sentence: `${name}, which was added to the pod, ${doing}`, failed: false };
  }
  return undefined;
}

function workerState(status: unknown): WorkerState {
  const container = listAt(status, 'containerStatuses').find(
    (one) => textAt(one, 'name') === workerContainerName,
  );
  const state = recordAt(container, 'state');
  if (isRecord(state['running'])) return { kind: 'running' };
  const terminated = state['terminated'];
  if (isRecord(terminated)) {
    return {
      kind: 'terminated',
      exitCode: numberAt(terminated, 'exitCode') ?? -1,
      reason: textAt(terminated, 'reason') ?? '',
      report: parseReport(textAt(terminated, 'message')),
    };
  }
  const waiting = recordAt(state, 'waiting');
  return {
    kind: 'waiting',
    reason: textAt(waiting, 'reason') ?? '',
    message: textAt(waiting, 'message') ?? '',
  };
}
