import { Type } from 'typebox';
import { enumOf } from '../keywords.ts';
import { failureGroup, whyReasons } from './window.ts';

/** The reason for a phase is in the conditions. Complete and Cancelled are final, but for a change of the spec. */
export const setPhases = [
  'Pending',
  'Listing',
  'Canary',
  'Processing',
  'Idle',
  'Paused',
  'Complete',
  'Cancelled',
] as const;
export type SetPhase = (typeof setPhases)[number];

const count = (description: string) =>
  Type.Integer({ description, minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
/** -1 before the first look. */
const generation = (description: string) =>
  Type.Integer({ description, minimum: -1, maximum: Number.MAX_SAFE_INTEGER });
const text = (description: string, maxLength = 4096) => Type.String({ description, maxLength });
const time = (description: string) =>
  Type.Optional(Type.String({ description, format: 'date-time', maxLength: 64 }));

const condition = Type.Object({
  type: text('Accepted, Ready, Paused, Complete, Reconciling or Stalled.', 64),
  status: enumOf(['True', 'False', 'Unknown'], { description: 'Whether the condition holds.' }),
  reason: text('The reason, as listed in docs/reasons.md.', 128),
  message: text('What happened, to what, and what to do.'),
  lastTransitionTime: Type.String({
    description: 'When status last changed.',
    format: 'date-time',
    maxLength: 64,
  }),
  observedGeneration: generation('The generation of the spec that the condition is based on.'),
});

/** `status` of a DockerRunSet: at most 16 KiB, however many inputs there are. */
export const dockerRunSetStatus = Type.Object(
  {
    observedGeneration: Type.Optional(generation('The generation of the spec that the status is based on.')),
    phase: Type.Optional(enumOf(setPhases, { description: 'The phase of the set.' })),
    message: Type.Optional(text('What is happening, or what went wrong and what to do.')),
    conditions: Type.Optional(
      Type.Array(condition, {
        maxItems: 16,
        description: 'The conditions Accepted, Ready, Paused, Complete, Reconciling and Stalled.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['type'],
      }),
    ),
    items: Type.Optional(
      Type.Object(
        {
          seen: count('Inputs that the pass has listed.'),
          done: count('Inputs that have their result.'),
          waiting: count('Inputs that have to run, and do not yet.'),
          running: count('Inputs of live chunks that have not ended.'),
          failed: count('Inputs that failed, and are not tried again in this pass.'),
          excluded: count('Inputs that names or where exclude.'),
          gone: count('Results whose input no longer exists.'),
        },
        { description: 'The inputs. The end of each pass sets the numbers to what Girder has.' },
      ),
    ),
    summary: Type.Optional(text('The progress in short, for a column of kubectl get: 120/2000.', 64)),
    why: Type.Optional(
      Type.Record(
        Type.Enum([...whyReasons]),
        Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
        {
          description: 'Why the inputs of the pass have to run.',
        },
      ),
    ),
    pass: Type.Optional(
      Type.Object(
        {
          number: count('The number of the pass, from 1.'),
          generation: Type.Optional(count('The generation of the spec that the pass started with.')),
          retryFailed: Type.Optional(text('The value of spec.retryFailed that the pass used.', 256)),
          wake: Type.Optional(
            text('The value of the annotation dockerrun.dev/wake when the pass started.', 256),
          ),
          startTime: time('When the pass started.'),
          finishTime: time('When the pass ended.'),
          cursor: Type.Optional(text('The path of the last input that was compared.', 2048)),
          listed: Type.Optional(count('How many inputs have been listed.')),
          after: Type.Optional(count('The seq of the last input for which a chunk was created.')),
          todo: Type.Optional(count('How many inputs had to run in the pass so far.')),
          isLast: Type.Optional(
            Type.Boolean({ description: 'Whether a second walk at its end found nothing left to do.' }),
          ),
          plannerUID: Type.Optional(text('The UID of the pod that plans the pass.', 64)),
          problems: Type.Optional(count('How many planners of the pass failed in a row.')),
          problemTime: time('When the last of them failed.'),
          troubles: Type.Optional(
            count(
              'Requests of the planner that Girder failed or answered late, as far as pods were halved for them.',
            ),
          ),
          troubleTime: time('When the pods were halved for them last.'),
          earlierSucceeded: Type.Optional(
            count('Inputs that succeeded under an earlier planner of the pass.'),
          ),
          earlierFailed: Type.Optional(count('Inputs that failed under an earlier planner of the pass.')),
        },
        { description: 'The current pass over the source, or the last one.' },
      ),
    ),
    rate: Type.Optional(
      Type.Object({
        itemsPerHour: Type.Number({ description: 'The inputs that ended per hour, in this pass.' }),
        eta: time('When the waiting inputs will have ended at that rate.'),
      }),
    ),
    failures: Type.Optional(
      Type.Array(failureGroup, {
        maxItems: 16,
        description: 'The failed inputs by reason, with three examples each.',
      }),
    ),
    report: Type.Optional(
      Type.Object(
        { itemId: text('The ID of the item in Girder.', 64), name: text('The name of the file.', 400) },
        { description: 'The report of the last pass: a CSV file with a line for each input.' },
      ),
    ),
    live: Type.Optional(
      Type.Object(
        {
          chunks: count('The DockerRuns of the set that have not ended.'),
          target: count('How many pods may run now: spec.parallelism, less when Girder is overloaded.'),
          planner: Type.Optional(text('The Job that plans the pass.', 253)),
        },
        { description: 'What there is in the cluster now.' },
      ),
    ),
    consecutive: Type.Optional(
      Type.Object(
        {
          reason: text('The reason of the last failures in a row.', 128),
          count: count('How many they are.'),
        },
        { description: 'For the failure budget.' },
      ),
    ),
    ended: Type.Optional(
      Type.Object(
        {
          succeeded: count('Inputs that succeeded in this pass.'),
          failed: count('Inputs that failed in this pass.'),
        },
        {
          description:
            'For the failure budget, the canary and the rate; both count from the start of the pass.',
        },
      ),
    ),
    counted: Type.Optional(
      Type.Array(text('The UID of a chunk.', 64), {
        maxItems: 10_000,
        description: 'Chunks that have ended and are counted, but are not deleted yet.',
        'x-kubernetes-list-type': 'set',
      }),
    ),
    secondsPerItem: Type.Optional(
      Type.Number({ description: 'How long an input took, by the last chunks.', minimum: 0 }),
    ),
    idleSince: time('Since when there is nothing to do.'),
    retryInGirder: Type.Optional(
      text('The retry value in the metadata of the folder in Girder that the last pass used.', 256),
    ),
  },
  {
    description: 'The current state of the set, as the controller reports it.',
    default: { observedGeneration: -1 },
  },
);

export type DockerRunSetStatus = Type.Static<typeof dockerRunSetStatus>;
export type SetCondition = Type.Static<typeof condition>;
