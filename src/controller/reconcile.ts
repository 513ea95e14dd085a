import { randomUUID } from 'node:crypto';
import type { Next } from '../runtime/queue.ts';
import type { DockerRunStatus } from '../api/status.ts';
import { ConflictError, isDefect, isRefused, retryAfterMs } from '../kube/kube-error.ts';
import { errorFields, type Logger } from '../support/log.ts';
import { type Attributes, recordSpan, rootSpanOf, traced } from '../support/trace/trace.ts';
import { applyAction, applyStatus, recordEvent } from './apply/apply.ts';
import type { QuotaGate } from './apply/quota-gate.ts';
import type { WorkerConfig } from './job/worker-config.ts';
import { decide } from './decide/decide.ts';
import { statusAfterError } from './decide/decision.ts';
import type { Action, Decision } from './decide/outcome.ts';
import { eventOf } from './decide/run-event.ts';
import { gather, type Gatherer } from './observe/gather.ts';
import { isTerminal, type Observed, type ObservedRun } from './observe/observed.ts';
import { changeOf, StatusWriter } from './apply/status-writer.ts';

/** What every part of a reconcile gets, whole; one for each term of a leader. */
export type Reconciler = Gatherer & {
  worker: WorkerConfig;
  quotaGate: QuotaGate;
  log: Logger;
  signal: AbortSignal;
  /** Only a test passes another one, which throws. */
  decide?: typeof decide | undefined;
  /** Called after a status is stored, with the status before it; for metrics. */
  onWritten?: (run: ObservedRun['metadata'], before: DockerRunStatus, after: DockerRunStatus) => void;
};

/** Creates the function that reconciles a run by its key: gather → decide → apply. Level-triggered. */
export function createReconcile(reconciler: Reconciler): (key: string) => Promise<Next> {
  const writer = new StatusWriter();
  return async (key) => {
    const uid = reconciler.caches.runs.get(key)?.metadata.uid;
    const log = reconciler.log.child({ dockerRun: key, uid, reconcileId: randomUUID().slice(0, 8) });
    const ofRun = { ...reconciler, log };
    try {
      return await reconcile(ofRun, key, writer);
    } catch (error) {
      if (!reconciler.signal.aborted) await reportError(ofRun, key, error);
      return { kind: 'retry', error, atLeastMs: retryAfterMs(error) };
    }
  };
}

/**
 * Logs why a reconcile failed. What another try would not fix, a defect or a refusal, is also written to the run,
 * whose user would otherwise see nothing.
 */
async function reportError(reconciler: Reconciler, key: string, error: unknown): Promise<void> {
  const { log } = reconciler;
  const stack = error instanceof Error ? error.stack : undefined;
  if (error instanceof ConflictError) log.info(errorFields(error), 'run changed, reconciling again');
  else if (isDefect(error))
    log.error({ ...errorFields(error), stack }, 'reconcile failed by a defect, retrying');
  else log.warn(errorFields(error), 'reconcile failed, retrying');
  if (!isDefect(error) && !isRefused(error)) return;
  await storeError(reconciler, key, error).catch((refusal: unknown) => {
    log.warn(errorFields(refusal), 'cannot write the error to the status of the run');
  });
}

/** Writes the error to the run as the cache has it, because reading it may be what failed. */
async function storeError(reconciler: Reconciler, key: string, error: unknown): Promise<void> {
  const { runs } = reconciler.caches;
  const [cached, version] = [runs.get(key), runs.versionOf(key)];
  if (cached === undefined || isTerminal(cached.status)) return;
  const { metadata, status: before } = cached;
  const run: ObservedRun = { metadata, status: before, problem: 'it was not read' };
  const now = reconciler.connection.clock.now();
  const status = statusAfterError(run, { error, isRefusal: isRefused(error) }, now);
  if (changeOf(before, status) === 'none') return;
  await store(reconciler, { run, version }, { status, event: eventOf(run, status, now) });
}

async function reconcile(reconciler: Reconciler, key: string, writer: StatusWriter): Promise<Next> {
  const version = reconciler.caches.runs.versionOf(key);
  const observed = await gather(reconciler, key, reconciler.signal);
  if (observed === undefined) {
    writer.forget(key);
    return { kind: 'done' };
  }
  const decision = await act(reconciler, observed, version);
  const delay = await write(reconciler, observed, decision, { key, version, writer });
  const waits = [decision.requeueAfterMs, delay].filter((wait) => wait !== undefined);
  return waits.length === 0 ? { kind: 'done' } : { kind: 'requeueAfter', milliseconds: Math.min(...waits) };
}

/** Decides and carries out the actions; when the API server refuses a Job, decides again with the refusal. */
async function act(
  reconciler: Reconciler,
  observed: Observed,
  version: string | undefined,
): Promise<Decision> {
  const { connection, worker, quotaGate, log, signal } = reconciler;
  const { run } = observed;
  const policy = reconciler.policy(run.metadata.namespace);
  const decision = (reconciler.decide ?? decide)(observed, connection.clock.now(), { policy, worker });
  for (const action of decision.actions) {
    const held = action.kind === 'createJob' ? quotaGate.refusalFor(run) : undefined;
    if (held !== undefined) return act(reconciler, { ...observed, jobRefusal: held }, version);
    log.info({ action: action.kind }, 'applying action');
    const refusal = await tracedAction(run, action, () =>
      applyAction(connection, { action, run, version }, signal),
    );
    if (action.kind === 'createJob') quotaGate.answered(run, refusal?.jobRefusal);
    // This recursion ends, because no decision creates again what was refused.
    if (refusal !== undefined) return act(reconciler, { ...observed, ...refusal }, version);
  }
  return decision;
}

/** Writes the status when it is due; returns the milliseconds to wait when it is not due yet. */
async function write(
  reconciler: Reconciler,
  observed: Observed,
  { status, event }: Decision,
  { key, version, writer }: { key: string; version: string | undefined; writer: StatusWriter },
): Promise<number | undefined> {
  const { run } = observed;
  if (status === undefined) {
    if (isTerminal(run.status)) writer.forget(key);
    return undefined;
  }
  const when = writer.when(key, observed, status);
  if (when.kind === 'later') return when.milliseconds;
  if (when.kind === 'now') {
    await store(reconciler, { run, version }, { status, event });
    writer.wrote(key);
  }
  if (!isTerminal(status)) return undefined;
  writer.forget(key);
  // Our own write does not wake the run, but after its end, its Job is stopped and the run deleted in time.
  return 0;
}

async function store(
  { connection, caches, signal, log, onWritten }: Reconciler,
  { run, version }: { run: ObservedRun; version: string | undefined },
  { status, event }: { status: DockerRunStatus; event: Decision['event'] },
): Promise<void> {
  if (event !== undefined) {
    // The status is written even if a quota or a webhook refuses the Event.
    await recordEvent(connection, event, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      log.warn(errorFields(error), 'cannot record Event');
    });
  }
  const stored = await tracedStatus(run, status, () =>
    applyStatus(connection, { run, version }, status, signal),
  );
  if (stored === undefined) return;
  caches.runs.absorb(stored);
  onWritten?.(run.metadata, run.status, status);
  log.info({ phase: status.phase, reason: status.reason, message: status.message }, 'status written');
}

/** Runs `work`, which carries out an action, in a span of the run's trace; the span shows a refusal. */
function tracedAction<T>(run: ObservedRun, action: Action, work: () => Promise<T>): Promise<T> {
  const name = action.kind.replaceAll(/[A-Z]/g, (letter) => ` ${letter}`);
  const traceAs = async (span: { set: (attributes: Attributes) => void }) => {
    const refusal = await work();
    if (refusal !== undefined) span.set({ 'dockerrun.refused': true });
    return refusal;
  };
  return traced(name, identity(run), traceAs, rootSpanOf(run.metadata.uid));
}

/**
 * Stores a status, in a span when its phase or reason is new. The end of a run completes the trace with its
 * root span, which lasts from the creation of the run to its completion.
 */
async function tracedStatus(
  run: ObservedRun,
  status: DockerRunStatus,
  store: () => Promise<unknown>,
): Promise<unknown> {
  const { phase, reason } = status;
  if (phase === run.status.phase && reason === run.status.reason) return store();
  const attributes = { ...identity(run), 'dockerrun.phase': phase, 'dockerrun.reason': reason };
  const stored = await traced('write status', attributes, store, rootSpanOf(run.metadata.uid));
  if (stored !== undefined && isTerminal(status) && !isTerminal(run.status)) recordRoot(run, status);
  return stored;
}

function recordRoot(run: ObservedRun, status: DockerRunStatus): void {
  const { phase, reason, completionTime, attempts, jobName, nodeName, target } = status;
  recordSpan({
    name: 'DockerRun',
    context: rootSpanOf(run.metadata.uid),
    start: new Date(run.metadata.creationTimestamp),
    end: completionTime === undefined ? new Date() : new Date(completionTime),
    attributes: {
      ...identity(run),
      'container.image.name': run.spec?.image,
      'k8s.job.name': jobName,
      'k8s.node.name': nodeName,
      'dockerrun.phase': phase,
      'dockerrun.reason': reason,
      'dockerrun.attempts': attempts,
      'process.exit.code': target?.exitCode,
    },
    errorType: phase === 'Failed' ? reason : undefined,
  });
}

function identity({ metadata }: ObservedRun): Attributes {
  return {
    'dockerrun.run.name': metadata.name,
    'dockerrun.run.uid': metadata.uid,
    'k8s.namespace.name': metadata.namespace,
  };
}
