import { Type } from 'typebox';
import { enumOf } from './keywords.ts';

export const phases = [
  'Pending',
  'Suspended',
  'Preparing',
  'Running',
  'Uploading',
  'Succeeded',
  'Failed',
  'Cancelled',
] as const;
export type Phase = (typeof phases)[number];

/** The phases in which a worker is active, each with its message until the worker reports more. */
export const phaseMessages = {
  Preparing: 'The worker is pulling the image and downloading the inputs.',
  Running: 'The target is running.',
  Uploading: 'The worker is uploading the results.',
} as const satisfies Partial<Record<Phase, string>>;
export type ActivePhase = keyof typeof phaseMessages;

/** A run in one of these phases never leaves it. */
export const terminalPhases = ['Succeeded', 'Failed', 'Cancelled'] as const satisfies Phase[];
export type TerminalPhase = (typeof terminalPhases)[number];

export function isTerminalPhase(phase: Phase | undefined): phase is TerminalPhase {
  return (terminalPhases as readonly (Phase | undefined)[]).includes(phase);
}

/**
 * Bounds in characters, for what others write into a status. Each is more than the controller writes: it cuts
 * messages at 4096 bytes, and a worker sends at most 3072 bytes of results.
 */
const longest = { name: 4_096, message: 8_192, time: 64, digest: 128 } as const;

const instant = (description: string) =>
  Type.String({ description, format: 'date-time', maxLength: longest.time });
const name = (description: string) => Type.String({ description, maxLength: longest.name });
const sentence = (description: string) => Type.String({ description, maxLength: longest.message });
const time = (description: string) => Type.Optional(instant(description));
const text = (description: string) => Type.Optional(name(description));

/** A worker's numbers may come from a target; the API server refuses a status with an integer beyond 64 bits. */
const integer = (description: string, minimum = -1) =>
  Type.Integer({ description, minimum, maximum: Number.MAX_SAFE_INTEGER });

const condition = Type.Object({
  type: name('Accepted, Suspended, Complete, Failed, Reconciling or Stalled.'),
  status: enumOf(['True', 'False', 'Unknown'], { description: 'Whether the condition holds.' }),
  reason: name('The reason, as listed in docs/reasons.md.'),
  message: sentence('What happened, to what, and what to do.'),
  lastTransitionTime: instant('When status last changed.'),
  observedGeneration: integer('The generation of the spec that the condition is based on.'),
});

const target = Type.Object(
  {
    containerID: text('The ID of the Docker container.'),
    exitCode: Type.Optional(integer('The exit code of the target.')),
    oomKilled: Type.Optional(
      Type.Boolean({
        description: 'Whether the target was killed because it used more memory than its limit.',
      }),
    ),
    reason: text('How the target ended: Completed, Error, OOMKilled, DeadlineExceeded or Cancelled.'),
    startedAt: time('When the target started.'),
    finishedAt: time('When the target ended.'),
  },
  { description: 'The container of the last attempt.' },
);

const transfer = Type.Object({
  name: name('The name of the transform or volume.'),
  direction: enumOf(['download', 'upload'], {
    description: 'From Girder to the target (download), or from the target (upload).',
  }),
  bytes: integer('How many bytes have been transferred.'),
  totalBytes: Type.Optional(integer('How many bytes there are in total, if that is known.')),
});

const result = Type.Object({
  hook: Type.Optional(integer('The index of the hook in spec.girderResultHooks.')),
  transform: Type.Optional(
    name(
      'The name of the transform, if it is a girderStreamToItem. A result without hook and transform is the log.',
    ),
  ),
  itemId: name('The ID of the item in Girder.'),
  fileId: name('The ID of the file in Girder.'),
  name: name('The name of the file.'),
  path: Type.Optional(name('The path of the file below the uploaded directory.')),
  size: integer('The size of the file in bytes.'),
  sha256: Type.String({
    description: 'The SHA-256 digest of the file, in hexadecimal.',
    maxLength: longest.digest,
  }),
  url: text('The page of the item in Girder, if girder.apiUrl ends in /api/v1.'),
});

const progress = Type.Object(
  {
    message: sentence('What the run is doing.'),
    percent: Type.Optional(
      Type.Integer({ description: 'How much of it is done, in percent.', minimum: 0, maximum: 100 }),
    ),
    summary: Type.Optional(
      name('The progress in short, for a column of kubectl get: 41%, or 158 files if the total is unknown.'),
    ),
  },
  { description: 'What the run is doing now. It is at most a few seconds old.' },
);

const failedItems = Type.Object({
  reason: name('Why the inputs failed, as listed in docs/reasons.md.'),
  message: Type.Optional(sentence('The message of the first of them.')),
  items: Type.Array(integer('The index of an input in spec.forEach.items.', 0), {
    description: 'The indexes of these inputs in spec.forEach.items.',
    maxItems: 100,
  }),
});

const items = Type.Object(
  {
    states: Type.String({
      description:
        'A letter for each input of spec.forEach.items: w waiting, r running, s succeeded, k skipped because its result is there, f failed.',
      maxLength: 100,
    }),
    failures: Type.Optional(
      Type.Array(failedItems, {
        maxItems: 16,
        description: 'The failed inputs by reason.',
        'x-kubernetes-list-type': 'atomic',
      }),
    ),
  },
  { description: 'What became of the inputs of spec.forEach.' },
);

const attempt = Type.Object({
  podUID: name('The UID of the pod. Each attempt has one pod.'),
  podName: name('The name of the pod.'),
  nodeName: text('The node of the pod.'),
  startTime: time('When the pod was created.'),
  completionTime: time(
    'When the controller saw that the attempt had ended. Absent while the attempt is running.',
  ),
  reason: text('Why the attempt ended: a reason of docs/reasons.md, or that of the pod, such as Evicted.'),
  message: Type.Optional(sentence('A human-readable message about why the attempt ended.')),
  exitCode: Type.Optional(integer('The exit code of the target, if it ran.')),
});

/** The size of `attemptHistory`; the oldest attempts are dropped first. */
export const maxAttempts = 10;

/** Twice what a worker of this version lists. */
const maxTransfers = 1_024;

export const dockerRunStatus = Type.Object(
  {
    observedGeneration: Type.Optional(integer('The generation of the spec that the status is based on.')),
    phase: Type.Optional(enumOf(phases, { description: 'The phase of the run.' })),
    reason: text('Why the run is in this phase, as listed in docs/reasons.md.'),
    message: Type.Optional(
      sentence('A human-readable message: what is happening, or what went wrong and what to do.'),
    ),
    conditions: Type.Optional(
      Type.Array(condition, {
        maxItems: 16,
        description: 'The conditions Accepted, Suspended, Complete, Failed, Reconciling and Stalled.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['type'],
      }),
    ),
    progress: Type.Optional(progress),
    attempts: Type.Optional(integer('How many pods have been started for the run.')),
    disruptions: Type.Optional(
      integer(
        'How many of them were disrupted: by a drain, a preemption, an eviction, a rejection by their node, or its loss.',
      ),
    ),
    failedAttempts: Type.Optional(
      integer(
        'How many of them already counted against spec.backoffLimit when the Job was made again, because a node had rejected its pod.',
        0,
      ),
    ),
    attemptHistory: Type.Optional(
      Type.Array(attempt, {
        maxItems: maxAttempts,
        description: `The last ${maxAttempts} attempts, oldest first.`,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['podUID'],
      }),
    ),
    jobName: text('The name of the Job of the run.'),
    podName: text('The pod of the last attempt. Its log is the output of the target.'),
    nodeName: text('The node of the last attempt.'),
    startTime: time('When the Job was created.'),
    completionTime: time('When the run ended.'),
    target: Type.Optional(target),
    transfers: Type.Optional(
      Type.Array(transfer, {
        maxItems: maxTransfers,
        description: 'The downloads and uploads of the last attempt.',
        'x-kubernetes-list-type': 'atomic',
      }),
    ),
    results: Type.Optional(
      Type.Array(result, {
        maxItems: 256,
        description:
          'The results of the last attempt in Girder. Only the first ones are listed, as many as fit (about 15).',
        'x-kubernetes-list-type': 'atomic',
      }),
    ),
    items: Type.Optional(items),
    resultCount: Type.Optional(
      integer('How many results of the last attempt are in Girder, whether they are listed or not.', 0),
    ),
  },
  {
    description: 'The current state of the run, as the controller reports it.',
    // kstatus takes an object without a status for ready; no generation is -1. The resources of Flux do the
    // same.
    default: { observedGeneration: -1 },
  },
);

export type DockerRunStatus = Type.Static<typeof dockerRunStatus>;
export type Condition = Type.Static<typeof condition>;
export type TargetStatus = Type.Static<typeof target>;
export type Transfer = Type.Static<typeof transfer>;
export type Result = Type.Static<typeof result>;
export type Progress = Type.Static<typeof progress>;
export type ItemsStatus = Type.Static<typeof items>;
export type Attempt = Type.Static<typeof attempt>;
