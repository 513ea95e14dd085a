import { podVolume, secretFieldOf } from '../../api/run-plan.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import { validateSpec } from '../../api/validate.ts';
import { RunError } from '../../support/errors.ts';
import { desiredJob } from '../job/job.ts';
import {
  type BlockingEvent,
  isBySuspension,
  type Observed,
  type ObservedPod,
  type ObservedRun,
} from '../observe/observed.ts';
import { type Policy, refusedByPolicy } from '../../policy/policy.ts';
import { attemptHistory } from './attempts.ts';
import { deletionOfOrphans } from './cancel-and-suspend.ts';
import { failWithCleanup } from './cleanup.ts';
import { fail, type Input, type Outcome } from './outcome.ts';
import { requeueWhilePending, startDeadlineExceeded } from './start-deadline.ts';

/** A run whose worker has not started: from the validation of its spec to the start of its pod. */

/** A run ends when somebody else deletes its Job; only a suspended run may have none. */
export function jobLost(input: Input): Outcome | undefined {
  const { run, job, jobRefusal } = input;
  const mayHaveNone = isBySuspension(run.status) || run.spec?.suspend === true;
  const isLost = job === undefined && run.status.jobName !== undefined && jobRefusal === undefined;
  if (!isLost || mayHaveNone) return undefined;
  const gone = new RunError('JobDeleted', `the Job ${run.status.jobName} is gone`);
  const outcome = failWithCleanup(input, gone);
  return { ...outcome, actions: [...deletionOfOrphans(input), ...(outcome.actions ?? [])] };
}

/** No run starts while the policy is invalid. */
export function policyInvalid(input: Input): Outcome | undefined {
  const { job, policy, now } = input;
  if (job !== undefined || policy.problem === undefined) return undefined;
  const message = `The DockerRunPolicy "default" is invalid; ask your cluster administrator to fix it: ${policy.problem}`;
  return startDeadlineExceeded(input, now) ? fail(notStarted(message)) : pending(input, message);
}

/** A run that contradicts itself, or that the policy does not allow, is never accepted. */
export function refused({ run, job, policy }: Input): Outcome | undefined {
  if (job !== undefined) return undefined;
  const refusal = run.spec === undefined ? invalid(run.problem) : refusalOf(run.spec, policy);
  return refusal && fail(refusal, { accepted: false });
}

/** The API server refused the Job in this reconcile. */
export function jobRefused(input: Input): Outcome | undefined {
  const { job, jobRefusal } = input;
  if (job !== undefined || jobRefusal === undefined) return undefined;
  if (jobRefusal.permanent) return failWithCleanup(input, new RunError('JobRefused', jobRefusal.message));
  return pending(input, `The API server refused the Job; the controller retries: ${jobRefusal.message}`);
}

/** An accepted run gets its Job, unless its start deadline has passed. */
export function jobMissing(input: Input): Outcome | undefined {
  const { run, job, worker, policy, now } = input;
  if (job !== undefined || run.spec === undefined) return undefined;
  if (startDeadlineExceeded(input, now)) return pending(input, whyNotStarted(run));
  const created = desiredJob({ metadata: run.metadata, spec: run.spec }, worker, policy);
  return {
    verdict: { phase: 'Pending', reason: 'Pending', message: 'The Job was created.' },
    actions: [{ kind: 'createJob', job: created }],
  };
}

/** The Job has not created a pod yet, or cannot. */
export function podMissing(input: Input): Outcome | undefined {
  const { job, pods, podRefusal } = input;
  if (job === undefined || pods.length > 0) return undefined;
  const message =
    podRefusal === undefined
      ? `The Job ${job.name} has no pod yet.`
      : `The Job ${job.name} cannot create its pod: ${podRefusal.message}`;
  return pending(input, message);
}

/** The pod's worker has not started yet, or cannot. */
export function podPending(input: Input): Outcome | undefined {
  const pod = input.pods.at(-1);
  if (pod?.worker.kind !== 'waiting') return undefined;
  const { message, failure } = podStartProblem(
    pod,
    { spec: input.run.spec, mountFailure: input.mountFailure },
    input.now,
  );
  return failure === undefined ? pending(input, message) : failWithCleanup(input, failure);
}

/** The run is pending, or ends when its start deadline has passed; the message says what it waits for. */
export function pending(input: Input, message: string): Outcome {
  if (startDeadlineExceeded(input, input.now)) return failWithCleanup(input, notStarted(message));
  return {
    verdict: { phase: 'Pending', reason: whyPending(input), message },
    requeueAfterMs: requeueWhilePending(input, input.now),
  };
}

function notStarted(message: string): RunError {
  return new RunError('StartDeadlineExceeded', `the run did not start: ${message}`);
}

function whyNotStarted({ status: { phase, message } }: ObservedRun): string {
  return (phase === 'Pending' ? message : undefined) ?? 'The controller did not process it in time.';
}

function whyPending(input: Input): 'Resumed' | 'Retrying' | 'Pending' {
  const { job, pods, run } = input;
  // Resumed, but the queue's Job was deleted; with another reason, the next reconcile ends it as JobDeleted.
  if (job === undefined && run.status.jobName !== undefined) return 'Resumed';
  if (pods.length === 0) return isBetweenAttempts(input, input.now) ? 'Retrying' : 'Pending';
  return pods.length > 1 || pods[0]?.worker.kind === 'terminated' ? 'Retrying' : 'Pending';
}

/** True between an attempt whose pod is gone and the next one. */
function isBetweenAttempts(observed: Observed, now: Date): boolean {
  const { status, spec } = observed.run;
  const last = attemptHistory(status.attemptHistory ?? [], observed, now).at(-1);
  // After the last pod that may fail was lost, the Job reports its end in a moment.
  const isLast = last?.reason === 'WorkerLost' && (spec?.backoffLimit ?? 0) === 0;
  return last !== undefined && last.reason !== 'Suspended' && !isLast;
}

function refusalOf(spec: DockerRunSpec, policy: Policy): RunError | undefined {
  const problems = validateSpec(spec);
  return problems.length > 0 ? invalid(inOneSentence(problems)) : refusedByPolicy(spec, policy);
}

const invalid = (problem: string) => new RunError('InvalidSpec', problem);

const maxProblems = 5;

function inOneSentence(problems: readonly string[]): string {
  const more = problems.length - maxProblems;
  return problems.slice(0, maxProblems).join('; ') + (more > 0 ? `; and ${more} more` : '');
}

/**
 * How long a volume may fail to mount before the run fails, from the first failure to the last. The kubelet
 * retries after 1, 2, 4… s (so also 31 s after the first), which is enough for a Secret that is applied just
 * after its run.
 */
const mountGraceMs = 25_000;

/** How long after its creation a pod may be in a state that rarely resolves by itself
 * (https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/images/types.go). */
const graceMs = new Map([
  ['InvalidImageName', 0],
  ['ErrImageNeverPull', 0],
  ['CreateContainerConfigError', 120_000],
  ['CreateContainerError', 120_000],
  ['ErrImagePull', 300_000],
  ['ImagePullBackOff', 300_000],
]);

/** Why a pod has not started its worker, and with `failure`, why it never will. */
export function podStartProblem(
  pod: ObservedPod,
  { spec, mountFailure }: { spec: DockerRunSpec | undefined; mountFailure: BlockingEvent | undefined },
  now: Date,
): { message: string; failure: RunError | undefined } {
  const grace = pod.worker.kind === 'waiting' ? graceMs.get(pod.worker.reason) : undefined;
  if (grace !== undefined) {
    const message = startMessage(pod);
    // Clocks differ a little: a pod may seem to have been created in the future.
    const isPermanent = Math.max(0, now.getTime() - Date.parse(pod.creationTimestamp)) >= grace;
    const sentence = `the worker in pod ${pod.name} cannot start: ${message}`;
    return { message, failure: isPermanent ? new RunError('WorkerNotStarted', sentence) : undefined };
  }
  if (mountFailure !== undefined) {
    const cause = withFieldsOfSpec(mountFailure.message, spec);
    const message = `Pod ${pod.name} on node ${pod.nodeName ?? '?'} cannot start: ${cause}`;
    const isPermanent = Date.parse(mountFailure.last) - Date.parse(mountFailure.since) >= mountGraceMs;
    return { message, failure: isPermanent ? new RunError('VolumeMountFailed', message) : undefined };
  }
  if (pod.unschedulable !== undefined)
    return { message: `Pod ${pod.name} cannot be scheduled: ${pod.unschedulable}`, failure: undefined };
  return { message: startMessage(pod), failure: undefined };
}

function startMessage(pod: ObservedPod): string {
  if (pod.nodeName === undefined) return `Pod ${pod.name} is waiting to be scheduled.`;
  if (pod.worker.kind === 'waiting' && pod.worker.message !== '')
    return `${pod.worker.reason}: ${pod.worker.message}`;
  return `Pod ${pod.name} is being started on node ${pod.nodeName}.`;
}

/** Replaces the names of the pod's volumes, which users do not know, by the fields of the spec. */
function withFieldsOfSpec(message: string, spec: DockerRunSpec | undefined): string {
  return message.replace(
    /volume "((?:secret|volume)-(\d+))"/g,
    (whole: string, name: string, index: string) => {
      if (spec === undefined) return whole;
      const volume = spec.volumes?.[Number(index)];
      if (volume !== undefined && name === podVolume(Number(index))) return `spec.volumes: ${volume.name}`;
      return secretFieldOf(name, spec) ?? whole;
    },
  );
}
