import type { V1Job } from '@kubernetes/client-node';
import type { DockerRunSetSpec } from '../../../api/set/set-spec.ts';
import type { DockerRunSetStatus, SetPhase } from '../../../api/set/set-status.ts';
import { withoutTrailingSlashes } from '../../../policy/allowed-addresses.ts';
import type { Policy } from '../../../policy/policy.ts';
import type { WorkerConfig } from '../../job/worker-config.ts';
import type { ObservedSetState, PlannerQuestion } from '../observe/observed-set.ts';
import type { ChunkRun, Set as ValidSet } from './chunk-run.ts';

/** What the administrator configured. */
export type SetSettings = { readonly policy: Policy; readonly worker: WorkerConfig };

/** Everything that a rule decides from. */
export type SetInput = ObservedSetState &
  SetSettings & {
    /** The status with all chunks that have ended. */
    readonly status: DockerRunSetStatus;
    readonly now: Date;
  };

/** The input of the rules after those that refuse a spec. */
export type AcceptedInput = SetInput & { readonly set: ValidSet & ObservedSetState['set'] };

export function isAccepted(input: SetInput): input is AcceptedInput {
  return input.set.spec !== undefined;
}

/** One write to the API server; carrying it out twice has the same effect as once. */
export type SetAction =
  | { kind: 'createPlanner'; job: V1Job }
  | { kind: 'deletePlanner'; name: string; uid: string }
  | { kind: 'createChunk'; run: ChunkRun }
  | { kind: 'deleteChunk'; name: string; uid: string }
  | { kind: 'cancelChunk'; name: string; uid: string };

/** Where a set is; every condition follows from it. */
export type SetVerdict = {
  readonly phase: SetPhase;
  readonly reason: string;
  readonly message: string;
  /** Whether the spec is valid and allowed; `yes` when absent. */
  readonly accepted?: 'yes' | 'no' | 'unchecked';
  /** Whether nothing happens until a person does something. */
  readonly isStalled?: boolean;
};

/** What one rule found, as data. */
export type SetOutcome = {
  /** `unchanged` keeps the status. */
  readonly verdict: SetVerdict | 'unchanged';
  /** The status to derive the next one from; that of the input when absent. */
  readonly status?: DockerRunSetStatus;
  readonly actions?: readonly SetAction[];
  readonly question?: PlannerQuestion | undefined;
  /** Whether more would start if the policy had no bound for the Girder of the set. */
  readonly waitsForGirder?: boolean;
  readonly requeueAfterMs?: number | undefined;
};

export type SetRule = (input: SetInput) => SetOutcome | undefined;
export type AcceptedRule = (input: AcceptedInput) => SetOutcome | undefined;

export const listing = (message: string): SetVerdict => ({ phase: 'Listing', reason: 'Listing', message });

/** Requeue of a set for which only changes matter, in case one is missed. */
export const safetyMs = 5 * 60_000;

/** Deletes the planner, if there is one. */
export function withoutPlanner({ planner: { job } }: Pick<SetInput, 'planner'>): SetAction[] {
  if (job === undefined || job.deletionTimestamp !== undefined) return [];
  return [{ kind: 'deletePlanner', name: job.name, uid: job.uid }];
}

/** How many pods may run at once, by the spec and the policy, without regard to how Girder does. */
export function mostChunks(
  { parallelism, girder }: DockerRunSetSpec,
  { policy, othersOnGirder }: Pick<SetInput, 'policy' | 'othersOnGirder'>,
): number {
  const ofPolicy = policy.sets?.maxParallelism ?? parallelism;
  const left = girderLimitsOf(policy, girder.apiUrl).map(({ maxRuns }) => maxRuns - othersOnGirder);
  return Math.max(0, Math.min(parallelism, ofPolicy, ...left));
}

/** The bounds for all sets that use one Girder. */
export function girderLimitsOf({ girderLimits = [] }: Policy, girder: string) {
  return girderLimits.filter(
    ({ apiUrl }) => withoutTrailingSlashes(apiUrl) === withoutTrailingSlashes(girder),
  );
}
