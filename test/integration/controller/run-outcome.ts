import { jobName } from '../../../src/api/names.ts';
import type { Attempt, DockerRunStatus } from '../../../src/api/status.ts';
import { recordAt, textAt } from '../../../src/kube/json.ts';
import type { ScriptedRun } from '../../fixtures/scripted-run.ts';
import type { ClusterRecord } from '../../fixtures/cluster-record.ts';

/** The outcome of a run, without what differs between two equal runs: names, uids and times. */
export type Outcome = {
  readonly exists: boolean;
  readonly status: unknown;
  /** The number of counted pods, and how each pod in the attempt history ended. */
  readonly attempts: readonly unknown[];
  /** Reasons of the run's Events, in alphabetical order. */
  readonly events: readonly string[];
  /** All Jobs that the run ever had, and the Jobs and pods that are left. */
  readonly jobs: readonly string[];
  readonly left: readonly string[];
  readonly pods: number;
};

export function outcomeOf(record: ClusterRecord, run: ScriptedRun): Outcome {
  const kindOf = (name: string) => name.replace(jobName(run), 'job').replace(/-0-\w{5}$/, '-pod');
  const last: DockerRunStatus = recordAt(record.statesOf(run.uid).at(-1)?.object, 'status');
  const events = record.everOf('events', run.uid).map(({ object }) => textAt(object, 'reason') ?? '');
  return {
    exists: run.exists,
    status: withoutNames(last, kindOf),
    attempts: [last.attempts, ...(last.attemptHistory ?? []).map(endOf)],
    events: events.toSorted(),
    jobs: record
      .everOf('jobs', run.uid)
      .map(({ name }) => kindOf(name))
      .toSorted(),
    left: run.left.map(kindOf).toSorted(),
    pods: run.pods.length,
  };
}

function withoutNames(status: DockerRunStatus, kindOf: (name: string) => string): unknown {
  const { conditions = [], phase, reason, message = '', target, observedGeneration, progress } = status;
  return {
    ...{ phase, reason, target, observedGeneration, progress },
    message: message.split(' ').map(kindOf).join(' '),
    conditions: conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`),
  };
}

function endOf({ completionTime, reason, exitCode }: Attempt): string {
  return `${completionTime === undefined ? 'not ended' : 'ended'} ${reason} ${exitCode}`;
}
