import { progressPort } from '../api/names.ts';
import { defined } from '../api/json-values.ts';
import { exitCodeOf, exitCodes } from '../api/run-plan.ts';
import { workerEnvironment, workerPaths } from '../api/run-plan.ts';
import { parsePlannerPlan, type PlannerPlan, plannerPlanVariable } from '../api/set/planner-plan.ts';
import { cancelledBy, sleep } from '../support/abort.ts';
import { useEgress } from '../support/egress.ts';
import { onUncaughtError, RunError, toRunError } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import { podEgress, podLog } from '../support/pod-process.ts';
import type { GirderCredentials } from '../girder/credentials.ts';
import { mountedCredentials } from '../girder/mounted-credentials.ts';
import { openGirder } from '../girder/open-girder.ts';
import { LivePlan } from './live-plan.ts';
import { runPass } from './pass.ts';
import { serveWindow } from './window-server.ts';

/** Milliseconds for which the end of a pass is served; the controller deletes the Job before. */
const servedMs = { done: 600_000, failed: 60_000 } as const;

/** Milliseconds without a request of the controller after which nobody needs this planner. */
const abandonedMs = 3_600_000;

/** As in a worker: the kubelet updates a mounted Secret within a minute and a half. */
const secretDelayMs = 100_000;

/** Milliseconds, as a run has it at least: a restart of Girder does not end a pass. */
const patienceMs = 300_000;

/**
 * Runs the planner of a pod and returns its exit code.
 * @param stop its reason is the signal that the process received
 */
export async function runPlanner(environment: NodeJS.ProcessEnv, stop: AbortSignal): Promise<number> {
  const log = podLog(environment);
  onUncaughtError((defect) => {
    log.error({ stack: defect.stack }, defect.message);
    process.exit(exitCodeOf(defect.reason));
  });
  useEgress(podEgress(environment));
  const plan = parsePlannerPlan(environment[plannerPlanVariable]);
  const podUid = environment[workerEnvironment.podUid];
  if (podUid === undefined) throw new TypeError(`${workerEnvironment.podUid} is not set`);
  const { name } = plan.spec.girder.credentialsSecretRef;
  const secret = `Secret ${name} in namespace ${plan.set.namespace} (spec.girder.credentialsSecretRef)`;
  const credentials = () => mountedCredentials(workerPaths.girderSecret, secret);
  const pod = { podUid, credentials, renewalMs: secretDelayMs, spoolDirectory: workerPaths.spool };
  return planPass({ ...pod, plan, port: progressPort, log, stop });
}

export type PlannerOptions = {
  readonly plan: PlannerPlan;
  readonly podUid: string;
  readonly credentials: () => Promise<GirderCredentials>;
  readonly renewalMs?: number;
  readonly patienceMs?: number;
  /** For files without a name; the default is that of the system. */
  readonly spoolDirectory?: string;
  readonly port: number;
  readonly address?: string;
  readonly log: Logger;
  readonly stop: AbortSignal;
};

/** Runs a pass, serves it to the controller until its end has been seen, and returns the exit code. */
export async function planPass(options: PlannerOptions): Promise<number> {
  const { plan, podUid, port, address, log, stop } = options;
  const live = new LivePlan();
  const abandoned = new AbortController();
  const leave = () =>
    abandoned.abort(new RunError('Cancelled', 'the controller has not asked the planner for an hour'));
  // It also keeps the process alive while it only waits for the controller.
  const timer = setTimeout(leave, abandonedMs);
  const onRequest = () => void timer.refresh();
  const server = serveWindow({ port, address, podUid, pass: plan.pass, live, onRequest });
  const signal = AbortSignal.any([cancelledBy(stop, 'the planner'), abandoned.signal]);
  const failure = await attempt(options, live, signal);
  if (failure === undefined) live.state = 'Done';
  else {
    live.end = { reason: failure.reason, message: failure.sentence };
    live.state = 'Failed';
    log.warn({ reason: failure.reason, error: failure.message }, 'the pass failed');
  }
  await served(failure === undefined ? servedMs.done : servedMs.failed, signal);
  clearTimeout(timer);
  server.close();
  return failure === undefined ? exitCodes.done : exitCodeOf(failure.reason);
}

async function attempt(
  { plan, credentials, renewalMs, log, patienceMs: patience = patienceMs, spoolDirectory }: PlannerOptions,
  live: LivePlan,
  signal: AbortSignal,
): Promise<RunError | undefined> {
  try {
    const client = await openGirder({
      apiUrl: plan.spec.girder.apiUrl,
      credentials,
      needs: ['read', 'write'],
      renewalMs,
      redirects: plan.girderRedirects,
      patienceMs: patience,
      onTrouble: () => (live.troubles += 1),
      onWait: (why) => (live.waits = why),
      signal,
      log,
    });
    try {
      await runPass({ plan, client, live, log, signal, ...defined({ spoolDirectory }) });
      return undefined;
    } finally {
      await client.close();
    }
  } catch (error) {
    return toRunError(error);
  }
}

/** Resolves early when the pod is asked to stop. */
async function served(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, signal).catch(() => undefined);
}
