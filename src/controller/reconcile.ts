import { randomUUID } from 'node:crypto';
import type { Next } from '../runtime/queue.ts';
import type { DockerRunStatus } from '../api/status.ts';
import { ConflictError, retryAfterMs } from '../kube/kube-error.ts';
import { errorFields, type Logger } from '../support/log.ts';
import { applyAction, applyStatus } from './apply/apply.ts';
import { recordEvent } from './apply/events.ts';
import type { WorkerConfig } from './job/worker-config.ts';
import { decide } from './decide/decide.ts';
import type { Decision } from './decide/outcome.ts';
import { gather, type Gatherer } from './observe/gather.ts';
import { isTerminal, type Observed, type ObservedRun } from './observe/observed.ts';
import type { Policy } from '../policy/policy.ts';
import { tracedAction, tracedStatus } from './tracing.ts';
import { bypassesRateLimit, StatusWriter } from './apply/status-writer.ts';

/** What bringing a run forward needs; one for each term of leading. */
export type Reconciler = {
  gatherer: Gatherer;
  /** What the administrator allows in a namespace. */
  policy: (namespace: string) => Policy;
  worker: WorkerConfig;
  log: Logger;
  signal: AbortSignal;
  /** Hears of each status that was stored, and of what was stored before; for metrics. */
  onWritten?: (run: ObservedRun['metadata'], before: DockerRunStatus, after: DockerRunStatus) => void;
};

/** Makes the function that brings one run forward: gather → decide → apply. Level-triggered: it knows only the key. */
export function createReconcile(reconciler: Reconciler): (key: string) => Promise<Next> {
  const times = new StatusWriter();
  return async (key) => {
    const uid = reconciler.gatherer.caches.runs.get(key)?.metadata.uid;
    const log = reconciler.log.child({ dockerRun: key, uid, reconcileId: randomUUID().slice(0, 8) });
    try {
      return await reconcile({ ...reconciler, log }, key, times);
    } catch (error) {
      if (!reconciler.signal.aborted) tellFailure(log, error);
      return { kind: 'retry', error, atLeastMs: retryAfterMs(error) };
    }
  };
}

function tellFailure(log: Logger, error: unknown): void {
  if (error instanceof ConflictError)
    log.info(errorFields(error), 'the run has changed, it will be decided again');
  else log.warn(errorFields(error), 'reconcile failed, it will be tried again');
}

async function reconcile(reconciler: Reconciler, key: string, times: StatusWriter): Promise<Next> {
  const version = reconciler.gatherer.caches.runs.versionOf(key);
  const observed = await gather(reconciler.gatherer, key, reconciler.signal);
  if (observed === undefined) {
    times.forget(key);
    return { kind: 'done' };
  }
  const decision = await act(reconciler, observed, version);
  const delay = await write(reconciler, observed, decision, { key, version, times });
  const waits = [decision.requeueAfterMs, delay].filter((wait) => wait !== undefined);
  return waits.length === 0 ? { kind: 'done' } : { kind: 'requeueAfter', milliseconds: Math.min(...waits) };
}

/** Decides and acts; when the API server refuses a Job, decides once more with the refusal. */
async function act(
  reconciler: Reconciler,
  observed: Observed,
  version: string | undefined,
): Promise<Decision> {
  const { gatherer, worker, log, signal } = reconciler;
  const { run } = observed;
  const policy = reconciler.policy(run.metadata.namespace);
  const decision = decide(observed, new Date(), { policy, worker });
  for (const action of decision.actions) {
    log.info({ action: action.kind }, 'carrying out an action');
    const refusal = await tracedAction(run, action, () =>
      applyAction(gatherer.connection, { action, run, version }, signal),
    );
    // Ends, since no decision asks again for what was refused.
    if (refusal !== undefined) return act(reconciler, { ...observed, ...refusal }, version);
  }
  return decision;
}

/** Writes the status if it is time to; gives how long to wait if it is not yet. */
async function write(
  reconciler: Reconciler,
  observed: Observed,
  { status, event }: Decision,
  { key, version, times }: { key: string; version: string | undefined; times: StatusWriter },
): Promise<number | undefined> {
  if (status === undefined) {
    if (isTerminal(observed.run.status)) times.forget(key);
    return undefined;
  }
  const when = times.when(key, observed.run.status, status);
  if (when.kind === 'later' && !bypassesRateLimit(observed, status)) return when.milliseconds;
  if (when.kind !== 'never') {
    await store(reconciler, { run: observed.run, version }, { status, event });
    times.wrote(key);
  }
  if (!isTerminal(status)) return undefined;
  times.forget(key);
  // Our own write wakes nobody, and there is something left to do after an end: to stop a Job, to delete the run in time.
  return 0;
}

async function store(
  { gatherer, signal, log, onWritten }: Reconciler,
  { run, version }: { run: ObservedRun; version: string | undefined },
  { status, event }: { status: DockerRunStatus; event: Decision['event'] },
): Promise<void> {
  const { connection, caches } = gatherer;
  if (event !== undefined) {
    // A quota or a webhook that refuses Events must not keep the status from being written.
    await recordEvent(connection, event, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      log.warn(errorFields(error), 'the Event was refused');
    });
  }
  const stored = await tracedStatus(run, status, () =>
    applyStatus(connection, { run, version }, status, signal),
  );
  if (stored !== undefined) {
    caches.runs.absorb(stored);
    onWritten?.(run.metadata, run.status, status);
  }
  log.info({ phase: status.phase, reason: status.reason, message: status.message }, 'status');
}
