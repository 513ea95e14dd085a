import type { V1Job } from '@kubernetes/client-node';
import type { DockerRunSpec } from '../../api/spec.ts';
import { validateSpec } from '../../api/validate.ts';
import { type Policy, refusedByPolicy } from '../../policy/policy.ts';
import { RunError } from '../../support/errors.ts';
import { planExcess } from '../job/worker-container.ts';
import { isJobOf, type ObservedPod, type ObservedRun, terminationReport } from '../observe/observed.ts';
import { fail, type Input, type Outcome } from './outcome.ts';

/** Verdicts by the spec that the cache holds, so that a run that waits is validated once and not at each look. */
const problemsOf = new WeakMap<DockerRunSpec, string[]>();

/** Why a spec contradicts itself. */
function contradiction(spec: DockerRunSpec): RunError | undefined {
  const problems = problemsOf.get(spec) ?? validateSpec(spec);
  problemsOf.set(spec, problems);
  return problems.length > 0 ? invalidSpec(inOneSentence(problems)) : undefined;
}

/** A message names at most this many problems and counts the others. */
const maxProblems = 5;

/** Why a spec contradicts itself, or else why the policy does not allow it. */
export function specRefusal(spec: DockerRunSpec, policy: Policy): RunError | undefined {
  return contradiction(spec) ?? refusedByPolicy(spec, policy);
}

/**
 * Why no Job may be made for a run now. One that has had its Job was accepted then, and its spec cannot have
 * changed since: a version with tighter bounds and rules must not end it, so only the policy is asked.
 */
export function refusalNow(run: ObservedRun, policy: Policy): RunError | undefined {
  if (run.spec === undefined || run.isPartial === true)
    return invalidSpec(run.problem ?? 'it cannot be read');
  if (run.status.jobName !== undefined) return refusedByPolicy(run.spec, policy);
  return run.problem === undefined ? specRefusal(run.spec, policy) : invalidSpec(run.problem);
}

/** Why nothing may be cleaned up for a run; of one that has begun, what can be read of its spec is enough. */
export function refusalOfCleanup(run: ObservedRun, policy: Policy): RunError | undefined {
  const hasBegun = run.spec !== undefined && run.status.jobName !== undefined;
  return hasBegun ? refusedByPolicy(run.spec, policy) : refusalNow(run, policy);
}

/** A spec that was read, or why it could not be. */
type Read = { readonly spec: DockerRunSpec } | { readonly spec?: undefined; readonly problem: string };

/**
 * Why a run is not accepted: the one verdict of the controller and of its admission webhook. A policy that
 * cannot be read refuses nothing by itself, because its runs wait for it.
 */
export function runRefusal(read: Read, policy: Policy): RunError | undefined {
  if (read.spec === undefined) return invalidSpec(read.problem);
  return policy.problem === undefined ? specRefusal(read.spec, policy) : contradiction(read.spec);
}

/** Why a worker cannot receive its run, although spec and policy are each within their bounds. */
export function planRefusal(job: V1Job): RunError | undefined {
  const excess = planExcess(job);
  if (excess <= 0) return undefined;
  return invalidSpec(
    `spec: with the defaults of the policy, it has ${excess} bytes more than the environment of its worker can hold; make it smaller`,
  );
}

const invalidSpec = (problem: string) => new RunError('InvalidSpec', problem);

function inOneSentence(problems: readonly string[]): string {
  const more = problems.length - maxProblems;
  return problems.slice(0, maxProblems).join('; ') + (more > 0 ? `; and ${more} more` : '');
}

/** Requeue of a run whose Job of an earlier spec is being deleted. */
const deletingMs = 5_000;

/**
 * The user changed the spec after the Job was created, before the status named it; from then on, the API
 * server refuses such a change. The new spec was neither validated nor allowed, so no status may accept it
 * and nothing may be made of it. A Job that has not started is deleted, and the run begins with the new spec;
 * otherwise the run ends, because what ran is not what it says.
 */
export function jobOfOtherSpec({ run, job, pods }: Input): Outcome | undefined {
  if (job === undefined || run.status.jobName !== undefined || isJobOf(job, run)) return undefined;
  if (job.finished === undefined && !pods.some(mayHaveStarted)) {
    const { name, uid, deletionTimestamp } = job;
    const actions =
      deletionTimestamp === undefined ? [{ kind: 'deleteJob', name, uid, waits: true } as const] : [];
    return { verdict: 'unchanged', actions, requeueAfterMs: deletingMs };
  }
  const { generation = 'an earlier one' } = job.origin;
  const problem = `the spec was changed to generation ${run.metadata.generation} while its Job ${job.name}, made of generation ${generation}, was starting; the change has no effect`;
  const ended = fail(new RunError('InvalidSpec', problem), { accepted: false });
  return { ...ended, report: terminationReport(pods.at(-1)) };
}

function mayHaveStarted({ worker, phase, deletionTimestamp }: ObservedPod): boolean {
  // A pod that is being deleted with its Job is only asked to stop; what it did by then is not kept.
  return deletionTimestamp === undefined && (worker.kind !== 'waiting' || phase === 'Failed');
}
