import { podVolume, keyFieldOf } from '../../api/run-plan.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import { RunError } from '../../support/errors.ts';
import { desiredJob } from '../job/job.ts';
import { workerOverhead } from '../job/worker-container.ts';
import {
  type BlockingEvent,
  mayHaveNoJob,
  type Observed,
  type ObservedPod,
  type ObservedRun,
} from '../observe/observed.ts';
import { attemptHistory, countAttempts, isGivenUp } from './attempts.ts';
import { deletionOfOrphans } from './cancel-and-suspend.ts';
import { failWithCleanup } from './cleanup.ts';
import { isEngineSocket, mountIsHopeless, patienceEnded, refusedSubPath } from './patience.ts';
import { fail, type Input, type Outcome } from './outcome.ts';
import { planRefusal, refusalNow } from './spec-refusal.ts';
import { requeueWhilePending, startDeadlineExceeded } from './start-deadline.ts';

/** A run whose worker has not started: from the validation of its spec to the start of its pod. */

/** A run ends when somebody else deletes its Job; only a suspended run may have none. */
export function jobLost(input: Input): Outcome | undefined {
  const { run, job, jobRefusal } = input;
  const mayHaveNone = mayHaveNoJob(run.status) || run.spec?.suspend === true;
  const isLost = job === undefined && run.status.jobName !== undefined && jobRefusal === undefined;
  if (!isLost || mayHaveNone) return undefined;
  const gone = new RunError('JobDeleted', `the Job ${run.status.jobName} is gone`);
  const outcome = failWithCleanup(input, gone);
  return { ...outcome, actions: [...deletionOfOrphans(input), ...(outcome.actions ?? [])] };
}

/** No run starts while the policy is invalid, or missing where it is required. */
export function policyInvalid(input: Input): Outcome | undefined {
  const { job, policy, now } = input;
  if (job !== undefined || policy.problem === undefined) return undefined;
  const message = `The DockerRunPolicy "default" ${policy.problem}; ask your cluster administrator to fix it.`;
  return startDeadlineExceeded(input, now) ? fail(notStarted(message)) : pending(input, message);
}

/** A run that contradicts itself, or that the policy does not allow, is never accepted. */
export function refused({ run, job, policy }: Input): Outcome | undefined {
  if (job !== undefined) return undefined;
  const refusal = refusalNow(run, policy);
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
  const { failedAttempts } = run.status;
  const created = desiredJob({ metadata: run.metadata, spec: run.spec, failedAttempts }, worker, policy);
  const refusal = planRefusal(created);
  if (refusal !== undefined) return fail(refusal, { accepted: false });
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
      : `The Job ${job.name} cannot create its pod: ${withRemedy(podRefusal.message)}`;
  return pending(input, message);
}

const ofWorker = `${workerOverhead.cpu} CPU and ${workerOverhead.memory} memory for the worker`;

/** What to do when a pod cannot be created, or its worker's image not pulled; the first row that matches applies. */
const remedies: readonly { readonly pattern: RegExp; readonly remedy: string }[] = [
  {
    pattern: /violates PodSecurity/,
    remedy:
      'The pod mounts the socket of the Docker Engine of its node. Label the namespace with pod-security.kubernetes.io/enforce=privileged, or use a namespace that has this label.',
  },
  {
    pattern: /failed quota: \S+ must specify/,
    remedy: 'Set what is missing in spec.resources, or a default in a LimitRange of the namespace.',
  },
  {
    pattern: /exceeded quota/,
    remedy: `It starts when the quota has room. The pod needs spec.resources and ${ofWorker}.`,
  },
  {
    pattern: /must be less than or equal to (?:cpu|memory) limit/,
    remedy: `The default of a LimitRange is too small: the pod needs ${ofWorker}. Set spec.resources.limits, or raise the default.`,
  },
  {
    pattern: /(?:maximum|minimum) \S+ usage per |limit to request ratio per /,
    remedy: `A LimitRange of the namespace does not allow the pod, which has spec.resources and ${ofWorker}. Change spec.resources or the LimitRange.`,
  },
  {
    pattern: /no PriorityClass with name/,
    remedy: 'Set spec.priorityClassName to a PriorityClass that exists.',
  },
  {
    pattern:
      /^(?:ErrImagePull|ImagePullBackOff): .*(?:unauthorized|authorization|denied|forbidden|credentials)/i,
    remedy:
      'This is the image of the worker. If it is private, the Secrets that worker.imagePullSecrets of the chart names must exist in the namespace of the run.',
  },
  {
    pattern: /admission webhook "|ValidatingAdmissionPolicy '/,
    remedy:
      'A policy of the cluster refuses the pods of runs, which mount the socket of the Docker Engine. Ask its owner for an exception for this namespace.',
  },
];

/** Adds what can be done to the refusal of the API server or the kubelet. */
export function withRemedy(refusal: string): string {
  const row = remedies.find(({ pattern }) => pattern.test(refusal));
  return row === undefined ? refusal : `${refusal.replace(/\.?$/, '.')} ${row.remedy}`;
}

/** The pod's worker has not started yet, or cannot. */
export function podPending(input: Input): Outcome | undefined {
  const pod = input.pods.at(-1);
  if (pod?.worker.kind !== 'waiting' || pod.isRejected) return undefined;
  if (isGivenUp(pod, input.run.status)) return replacing(input, input.run.status.message ?? '');
  const { mountFailure, waitingSince, run, job, now } = input;
  // The pod's volumes have the indexes of the whole spec.
  const spec = run.isPartial === true ? undefined : run.spec;
  const problem = podStartProblem(pod, { spec, mountFailure, waitingSince }, now);
  const { message, failure, mayHelp } = problem;
  if (failure === undefined) return pending(input, message);
  const isLast = !mayHelp || pod.failuresBefore >= (job?.backoffLimit ?? 0);
  return isLast ? failWithCleanup(input, failure) : giveUp(input, pod, failure);
}

/** Deletes a pod that cannot start; its Job counts a failed attempt, and creates the next pod. */
function giveUp(input: Input, { name, uid }: ObservedPod, failure: RunError): Outcome {
  const attempts = countAttempts(input.run.status, input);
  return {
    ...replacing(input, `Attempt ${attempts} failed; a retry follows. ${failure.sentence}`),
    actions: [{ kind: 'deletePod', name, uid }],
    givenUp: { podUID: uid, reason: failure.reason, message: failure.sentence },
  };
}

/** The pod was given up and is being removed. */
function replacing(input: Input, message: string): Outcome {
  const outcome = pending(input, message);
  const { verdict } = outcome;
  const isPending = typeof verdict === 'object' && verdict.phase === 'Pending';
  return isPending ? { ...outcome, verdict: { ...verdict, reason: 'Retrying' } } : outcome;
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

function whyPending(input: Input): 'PodRejected' | 'Resumed' | 'Retrying' | 'Pending' {
  const { job, pods, run } = input;
  // The Job was deleted for a rejection or a queue; with another reason, the next reconcile ends it as JobDeleted.
  if (job === undefined && run.status.jobName !== undefined)
    return run.status.reason === 'PodRejected' ? 'PodRejected' : 'Resumed';
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

/** What is observed of a pod that waits for its worker. */
type Blocked = {
  readonly spec: DockerRunSpec | undefined;
  readonly mountFailure: BlockingEvent | undefined;
  readonly waitingSince: string | undefined;
};

/** Why a pod has not started its worker. With `failure`, waiting longer does not help. */
type StartProblem = {
  readonly message: string;
  readonly failure: RunError | undefined;
  /** Whether another pod, maybe on another node, can start; only with a failure. */
  readonly mayHelp: boolean;
};

/** Why a pod has not started its worker, and whether it should be given up. */
export function podStartProblem(
  pod: ObservedPod,
  { spec, mountFailure, waitingSince }: Blocked,
  now: Date,
): StartProblem {
  const refused = refusedSubPath(pod.worker, spec);
  if (refused !== undefined) return { message: refused.message, failure: refused, mayHelp: false };
  const message = startMessage(pod);
  const waits = (text: string): StartProblem => ({ message: text, failure: undefined, mayHelp: false });
  const exhausted =
    pod.worker.kind === 'waiting' ? patienceEnded(pod, pod.worker, { waitingSince, now }) : undefined;
  if (exhausted !== undefined) {
    const sentence = `the worker in pod ${pod.name} cannot start: ${message}`;
    return { message, failure: new RunError('WorkerNotStarted', sentence), mayHelp: exhausted.mayHelp };
  }
  // Its Events stay after the volumes were mounted.
  if (mountFailure !== undefined && !pod.hasSandbox) {
    const node = `node ${pod.nodeName ?? '?'}`;
    if (isEngineSocket(mountFailure)) {
      return waits(
        `The Docker Engine of ${node} does not answer: its socket is missing. The run waits for it.`,
      );
    }
    const cause = withFieldsOfSpec(mountFailure.message, spec);
    const text = `Pod ${pod.name} on ${node} cannot start: ${cause}`;
    if (!mountIsHopeless(mountFailure)) return waits(text);
    return { message: text, failure: new RunError('VolumeMountFailed', text), mayHelp: true };
  }
  if (pod.unschedulable !== undefined)
    return waits(`Pod ${pod.name} cannot be scheduled: ${pod.unschedulable}`);
  return waits(message);
}

function startMessage(pod: ObservedPod): string {
  if (pod.nodeName === undefined) return `Pod ${pod.name} is waiting to be scheduled.`;
  if (pod.init !== undefined)
    return `Pod ${pod.name} cannot start the worker: init container ${pod.init.sentence}.`;
  if (pod.worker.kind === 'waiting' && pod.worker.message !== '')
    return withRemedy(`${pod.worker.reason}: ${pod.worker.message}`);
  return `Pod ${pod.name} is being started on node ${pod.nodeName}.`;
}

/** Replaces the names of the pod's volumes, which users do not know, by the fields of the spec. */
function withFieldsOfSpec(message: string, spec: DockerRunSpec | undefined): string {
  return message.replace(
    /volume "((?:secret|config-map|volume)-(\d+))"/g,
    (whole: string, name: string, index: string) => {
      if (spec === undefined) return whole;
      const volume = spec.volumes?.[Number(index)];
      if (volume !== undefined && name === podVolume(Number(index))) return `spec.volumes: ${volume.name}`;
      return keyFieldOf(name, spec) ?? whole;
    },
  );
}
