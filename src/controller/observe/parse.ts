import { parseMetadata, parseSpec } from '../../api/docker-run.ts';
import { isRecord } from '../../api/json-values.ts';
import {
  apiVersion,
  kind,
  labels,
  queueNameLabel,
  suspendedAnnotation,
  workerContainerName,
} from '../../api/names.ts';
import { failureCountAnnotation } from '../../api/run-plan.ts';
import { parseReport } from '../../api/report.ts';
import type { DockerRunStatus } from '../../api/status.ts';
import { listAt, numberAt, recordAt, textAt } from '../../kube/json.ts';
import type { ObservedJob, ObservedPod, ObservedRun, WorkerState } from './observed.ts';

/** Parses a stored DockerRun; a spec that only an older schema accepts becomes a `problem`. */
export function parseRun(object: unknown): ObservedRun {
  const metadata = parseMetadata(recordAt(object, 'metadata'));
  // The API server stores only what the schema of the status allows, and the controller is its only writer.
  const status = recordAt(object, 'status') as DockerRunStatus;
  const parsed = parseSpec(isRecord(object) ? object['spec'] : undefined);
  return 'spec' in parsed
    ? { metadata, status, spec: parsed.spec }
    : { metadata, status, problem: parsed.problem };
}

export function parseJob(object: unknown): ObservedJob {
  const metadata = recordAt(object, 'metadata');
  const status = recordAt(object, 'status');
  const count = (name: string) => numberAt(status, name) ?? 0;
  return {
    namespace: textAt(metadata, 'namespace') ?? '',
    name: textAt(metadata, 'name') ?? '',
    uid: textAt(metadata, 'uid') ?? '',
    ownerUid: ownerUid(metadata, { apiVersion, kind }),
    creationTimestamp: textAt(metadata, 'creationTimestamp') ?? '',
    finished: finishedJob(status),
    endedPods: count('succeeded') + count('failed'),
    suspendedBy: suspendedBy(object),
    isQueued: textAt(recordAt(metadata, 'labels'), queueNameLabel) !== undefined,
    deletionTimestamp: textAt(metadata, 'deletionTimestamp'),
  };
}

function suspendedBy(object: unknown): ObservedJob['suspendedBy'] {
  if (recordAt(object, 'spec')['suspend'] !== true) return undefined;
  const annotations = recordAt(recordAt(object, 'metadata'), 'annotations');
  return textAt(annotations, suspendedAnnotation) === undefined ? 'other' : 'operator';
}

function ownerUid(metadata: unknown, owner: { apiVersion: string; kind: string }): string | undefined {
  const found = listAt(metadata, 'ownerReferences').find(
    (reference) =>
      textAt(reference, 'apiVersion') === owner.apiVersion && textAt(reference, 'kind') === owner.kind,
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
    jobUid: ownerUid(metadata, { apiVersion: 'batch/v1', kind: 'Job' }),
    creationTimestamp: textAt(metadata, 'creationTimestamp') ?? '',
    failuresBefore: Number(textAt(recordAt(metadata, 'annotations'), failureCountAnnotation) ?? 0),
    phase: textAt(status, 'phase') ?? '',
    nodeName: textAt(recordAt(object, 'spec'), 'nodeName'),
    podIP: textAt(status, 'podIP'),
    deletionTimestamp: textAt(metadata, 'deletionTimestamp'),
    reason: textAt(status, 'reason'),
    message: textAt(status, 'message'),
    disruption: disruption(status),
    unschedulable: unschedulable(status),
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

function unschedulable(status: unknown): string | undefined {
  const scheduled = listAt(status, 'conditions').find(
    (condition) => textAt(condition, 'type') === 'PodScheduled',
  );
  return textAt(scheduled, 'status') === 'False'
    ? (textAt(scheduled, 'message') ?? 'not scheduled')
    : undefined;
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
