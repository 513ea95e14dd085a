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

/** The phases in which a worker is at work, and what is reported of one while nothing more is known. */
export const phaseMessages = {
  Preparing: 'The worker pulls the image and downloads the inputs.',
  Running: 'The target runs.',
  Uploading: 'The results are being uploaded.',
} as const satisfies Partial<Record<Phase, string>>;
export type ActivePhase = keyof typeof phaseMessages;

/** The phases that no run leaves again. */
export const terminalPhases = ['Succeeded', 'Failed', 'Cancelled'] as const satisfies Phase[];
export type TerminalPhase = (typeof terminalPhases)[number];

/** True for a phase that no run leaves again. */
export function isTerminalPhase(phase: Phase | undefined): phase is TerminalPhase {
  return (terminalPhases as readonly (Phase | undefined)[]).includes(phase);
}

const time = (description: string) => Type.Optional(Type.String({ description, format: 'date-time' }));
const text = (description: string) => Type.Optional(Type.String({ description }));

const condition = Type.Object({
  type: Type.String({ description: 'Accepted, Suspended, Complete, Failed, Reconciling or Stalled.' }),
  status: enumOf(['True', 'False', 'Unknown'], { description: 'Whether the condition holds.' }),
  reason: Type.String({ description: 'One word of the table of reasons.' }),
  message: Type.String({ description: 'What, where, and how to mend it.' }),
  lastTransitionTime: Type.String({ description: 'When status changed last.', format: 'date-time' }),
  observedGeneration: Type.Integer({ description: 'The generation of the spec that it is about.' }),
});

const target = Type.Object(
  {
    containerID: text('The id of the Docker container.'),
    exitCode: Type.Optional(Type.Integer({ description: "The target's exit code." })),
    oomKilled: Type.Optional(
      Type.Boolean({ description: 'Whether it was killed for using more memory than its limit.' }),
    ),
    reason: text('How it ended: Completed, Error, OOMKilled, DeadlineExceeded or Cancelled.'),
    startedAt: time('When it started.'),
    finishedAt: time('When it ended.'),
  },
  { description: 'The container of the last attempt.' },
);

const transfer = Type.Object({
  name: Type.String({ description: 'The name of the transform or volume.' }),
  direction: enumOf(['download', 'upload'], { description: 'To the target, or from it.' }),
  bytes: Type.Integer({ description: 'How many bytes went over.' }),
  totalBytes: Type.Optional(Type.Integer({ description: 'How many bytes it has, when that is known.' })),
});

const result = Type.Object({
  hook: Type.Optional(Type.Integer({ description: 'The index of the hook in girderResultHooks.' })),
  transform: Type.Optional(
    Type.String({ description: 'The name of the transform, when it is a girderStreamToItem.' }),
  ),
  itemId: Type.String({ description: 'The item in Girder.' }),
  fileId: Type.String({ description: 'The file in Girder.' }),
  name: Type.String({ description: 'The name of the file.' }),
  path: Type.Optional(Type.String({ description: 'Its path below the directory that was uploaded.' })),
  size: Type.Integer({ description: 'Its size in bytes.' }),
  sha256: Type.String({ description: 'The SHA-256 of its bytes, in hexadecimal.' }),
});

const progress = Type.Object(
  {
    message: Type.String({ description: 'What the run does.' }),
    percent: Type.Optional(
      Type.Integer({ description: 'How much of that is done.', minimum: 0, maximum: 100 }),
    ),
    summary: Type.Optional(
      Type.String({
        description:
          'The same in a word, for one column: 41%, or 158 files where nobody knows how many there are.',
      }),
    ),
  },
  { description: 'What the run is doing now, at most some seconds old.' },
);

const attempt = Type.Object({
  podUID: Type.String({ description: 'The uid of the pod: one pod is one attempt.' }),
  podName: Type.String({ description: 'The pod of the attempt.' }),
  nodeName: text('The node it was on.'),
  startTime: time('When the pod was made.'),
  completionTime: time('When the attempt was seen to have ended; it is absent while it goes on.'),
  reason: text('Why it ended, one word of the table of reasons, or what the pod says: Evicted, Preempted…'),
  message: text('One sentence for people about that.'),
  exitCode: Type.Optional(Type.Integer({ description: "The target's exit code, if it has one." })),
});

/** How many attempts a status has room for; older ones are forgotten first. */
export const mostAttempts = 10;

/** What the controller says about a run. */
export const dockerRunStatus = Type.Object(
  {
    observedGeneration: Type.Optional(
      Type.Integer({ description: 'The generation of the spec that the status is about.' }),
    ),
    phase: Type.Optional(enumOf(phases, { description: 'Where the run is.' })),
    reason: text('One word of the table of reasons for the phase.'),
    message: text('One sentence for people: what happens, or what went wrong, where, and how to mend it.'),
    conditions: Type.Optional(
      Type.Array(condition, {
        description: 'Accepted, Suspended, Complete, Failed, Reconciling and Stalled.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['type'],
      }),
    ),
    progress: Type.Optional(progress),
    attempts: Type.Optional(Type.Integer({ description: 'How many pods were started for the run.' })),
    attemptHistory: Type.Optional(
      Type.Array(attempt, {
        description: `What became of the last ${mostAttempts} attempts, oldest first.`,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['podUID'],
      }),
    ),
    jobName: text('The Job of the run.'),
    podName: text("The pod of the last attempt; its log is the target's output."),
    nodeName: text('The node of the last attempt.'),
    startTime: time('When the Job was created.'),
    completionTime: time('When the run ended.'),
    target: Type.Optional(target),
    transfers: Type.Optional(
      Type.Array(transfer, {
        description: 'What went to the target and from it.',
        'x-kubernetes-list-type': 'atomic',
      }),
    ),
    results: Type.Optional(
      Type.Array(result, {
        description:
          'The results of the last attempt in Girder: the first of them, as many as fit (about 15).',
        'x-kubernetes-list-type': 'atomic',
      }),
    ),
    resultCount: Type.Optional(
      Type.Integer({
        description: 'How many results of the last attempt are in Girder, listed or not.',
        minimum: 0,
      }),
    ),
  },
  {
    description: 'What became of it.',
    // Tools that read kstatus take a run without one for done; no generation is this one (Flux' own resources do so).
    default: { observedGeneration: -1 },
  },
);

export type DockerRunStatus = Type.Static<typeof dockerRunStatus>;
export type Condition = Type.Static<typeof condition>;
export type TargetStatus = Type.Static<typeof target>;
export type Transfer = Type.Static<typeof transfer>;
export type Result = Type.Static<typeof result>;
export type Progress = Type.Static<typeof progress>;
export type Attempt = Type.Static<typeof attempt>;
