import type { DockerRunSetStatus } from '../../api/set/set-status.ts';
import { ConflictError, isDefect, isRefused, retryAfterMs } from '../../kube/kube-error.ts';
import { withoutTrailingSlashes } from '../../policy/allowed-addresses.ts';
import type { Policy } from '../../policy/policy.ts';
import type { Next } from '../../runtime/queue.ts';
import { errorFields, type Logger } from '../../support/log.ts';
import type { WorkerConfig } from '../job/worker-config.ts';
import { recordEvent } from '../apply/apply.ts';
import { applySetAction, applySetStatus } from './apply/apply-set.ts';
import { decideSet } from './decide/decide-set.ts';
import { girderLimitsOf } from './decide/set-outcome.ts';
import { setChangeOf, type SetDecision, setStatusAfterError } from './decide/set-decision.ts';
import { GirderQueue } from './girder-queue.ts';
import { gatherSet, type SetGatherer } from './observe/gather-set.ts';
import type { ObservedSetState } from './observe/observed-set.ts';

/** What every part of a reconcile of a set gets; one for each term of a leader. */
export type SetReconciler = SetGatherer & {
  readonly worker: WorkerConfig;
  /** The policy for the sets of a namespace. */
  readonly policy: (namespace: string) => Policy;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Stores a chunk that was created, before the watch delivers it. */
  readonly absorbRun: (stored: unknown) => void;
  /** Reconciles another set soon. */
  readonly wake: (key: string) => void;
  /** Called after a status is stored, with the status before it; for metrics. */
  readonly onWritten?: (before: DockerRunSetStatus, after: DockerRunSetStatus) => void;
};

/** The shortest time between two writes of progress. */
const progressIntervalMs = 5_000;

/** When the status of each set was last written, by `performance.now()`. */
type WrittenAt = Map<string, number>;

type OwnState = { readonly writtenAt: WrittenAt; readonly places: GirderQueue };

/** Creates the function that reconciles a set by its key: gather → decide → apply. Level-triggered. */
export function createSetReconcile(reconciler: SetReconciler): (key: string) => Promise<Next> {
  const own: OwnState = { writtenAt: new Map(), places: new GirderQueue() };
  return async (key) => {
    const log = reconciler.log.child({ dockerRunSet: key });
    const ofSet = { ...reconciler, log };
    try {
      return await reconcile(ofSet, key, own);
    } catch (error) {
      if (!reconciler.signal.aborted) await reportError(ofSet, key, error);
      return { kind: 'retry', error, atLeastMs: retryAfterMs(error) };
    }
  };
}

async function reconcile(
  reconciler: SetReconciler,
  key: string,
  { writtenAt, places }: OwnState,
): Promise<Next> {
  const girder = boundedGirder(reconciler, key);
  const decided = await places.inTurn(girder?.address, async () => {
    if (girder === undefined) return decide(reconciler, key, 0);
    const result = await decide(reconciler, key, places.ahead(girder.address, key)).catch(
      (error: unknown) => {
        places.decided(girder.address, key, { waits: false, hasStarted: false });
        throw error;
      },
    );
    serveNext(reconciler, { places, girder, key, decision: result?.decision });
    return result;
  });
  if (decided === undefined) {
    writtenAt.delete(key);
    return { kind: 'done' };
  }
  const { decision } = decided;
  const delay = await write(reconciler, decided, { key, writtenAt });
  // Only now does the planner forget inputs: their chunks exist.
  if (decision.question !== undefined) reconciler.planners.ask(decision.question);
  const waits = [decision.requeueAfterMs, delay].filter((wait) => wait !== undefined);
  return waits.length === 0 ? { kind: 'done' } : { kind: 'requeueAfter', milliseconds: Math.min(...waits) };
}

/** `ahead` is how many sets have waited for longer for a place on the same Girder. */
async function decide(reconciler: SetReconciler, key: string, ahead: number): Promise<Decided | undefined> {
  const version = reconciler.caches.sets.versionOf(key);
  const observed = await gatherSet(reconciler, key, reconciler.signal);
  if (observed === undefined) return undefined;
  const shared = { ...observed, othersOnGirder: observed.othersOnGirder + ahead };
  return { observed, version, decision: await act(reconciler, shared) };
}

/** A Girder for which the policy bounds the chunks of all sets together. */
type BoundedGirder = { readonly address: string; readonly apiUrl: string; readonly maxRuns: number };

function boundedGirder({ caches, policy }: SetReconciler, key: string): BoundedGirder | undefined {
  const { apiUrl, metadata } = caches.sets.get(key) ?? {};
  if (apiUrl === undefined || metadata === undefined) return undefined;
  const limits = girderLimitsOf(policy(metadata.namespace), apiUrl).map(({ maxRuns }) => maxRuns);
  if (limits.length === 0) return undefined;
  return { address: withoutTrailingSlashes(apiUrl), apiUrl, maxRuns: Math.min(...limits) };
}

type Served = {
  readonly places: GirderQueue;
  readonly girder: BoundedGirder;
  readonly key: string;
  readonly decision: SetDecision | undefined;
};

/** Notes whether the set waits for a place, and wakes those whose turn it is now. */
function serveNext(reconciler: SetReconciler, { places, girder, key, decision }: Served): void {
  const hasStarted = decision?.actions.some(({ kind }) => kind === 'createChunk') === true;
  places.decided(girder.address, key, { waits: decision?.waitsForGirder === true, hasStarted });
  const free = girder.maxRuns - reconciler.caches.liveOnGirder(girder.apiUrl);
  for (const next of places.next(girder.address, free)) if (next !== key) reconciler.wake(next);
}

/** Decides and carries out the actions; when the API server refuses one, decides again with the refusal. */
async function act(reconciler: SetReconciler, observed: ObservedSetState): Promise<SetDecision> {
  const { connection, worker, log, signal, caches } = reconciler;
  const { set } = observed;
  const policy = reconciler.policy(set.metadata.namespace);
  const decision = decideSet(observed, connection.clock.now(), { policy, worker });
  for (const action of decision.actions) {
    log.info({ action: action.kind }, 'applying action');
    const { run, job, refusal } = await applySetAction(connection, { action, set }, signal);
    if (run !== undefined) reconciler.absorbRun(run);
    if (job !== undefined) caches.jobs.absorb(job);
    if (refusal !== undefined) {
      // What was created before is in the cache; this recursion ends, because nothing is created after a refusal.
      const now = await gatherSet(reconciler, keyOf(observed), signal);
      return now === undefined ? decision : act(reconciler, { ...now, ...refusal });
    }
  }
  return decision;
}

const keyOf = ({ set: { metadata } }: ObservedSetState) => `${metadata.namespace}/${metadata.name}`;

type Decided = {
  readonly observed: ObservedSetState;
  readonly version: string | undefined;
  readonly decision: SetDecision;
};

/** Writes the status when it is due; returns the milliseconds to wait when it is not due yet. */
async function write(
  reconciler: SetReconciler,
  { observed, version, decision: { status, event } }: Decided,
  { key, writtenAt }: { key: string; writtenAt: WrittenAt },
): Promise<number | undefined> {
  const { connection, caches, signal, log, onWritten } = reconciler;
  const { set } = observed;
  if (status === undefined) return undefined;
  const change = setChangeOf(set.status, status);
  if (change === 'none') return undefined;
  const wait = (writtenAt.get(key) ?? -Infinity) + progressIntervalMs - performance.now();
  if (change === 'progress' && wait > 0) return wait;
  await record(reconciler, event);
  const stored = await applySetStatus(connection, { set, version }, status, signal);
  writtenAt.set(key, performance.now());
  if (stored === undefined) return undefined;
  caches.sets.absorb(stored);
  onWritten?.(set.status, status);
  if (change === 'milestone') log.info({ phase: status.phase, message: status.message }, 'status written');
  // Chunks that are counted now can be deleted.
  const before = new Set(set.status.counted);
  return (status.counted ?? []).some((uid) => !before.has(uid)) ? 0 : undefined;
}

/** The status is written even if a quota or a webhook refuses the Event. */
async function record(
  { connection, signal, log }: SetReconciler,
  event: SetDecision['event'],
): Promise<void> {
  if (event === undefined) return;
  await recordEvent(connection, event, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    log.warn(errorFields(error), 'cannot record Event');
  });
}

/** Logs why a reconcile failed, and writes to the set what another try would not fix. */
async function reportError(reconciler: SetReconciler, key: string, error: unknown): Promise<void> {
  const { log, caches, connection, signal } = reconciler;
  const stack = error instanceof Error ? error.stack : undefined;
  if (error instanceof ConflictError) log.info(errorFields(error), 'set changed, reconciling again');
  else if (isDefect(error))
    log.error({ ...errorFields(error), stack }, 'reconcile failed by a defect, retrying');
  else log.warn(errorFields(error), 'reconcile failed, retrying');
  if (!isDefect(error) && !isRefused(error)) return;
  const [cached, version] = [caches.sets.get(key), caches.sets.versionOf(key)];
  if (cached === undefined) return;
  const { metadata, status: before } = cached;
  const set = { metadata, status: before, problem: 'it was not read' };
  const status = setStatusAfterError(set, { error, isRefusal: isRefused(error) }, connection.clock.now());
  if (setChangeOf(before, status) === 'none') return;
  await applySetStatus(connection, { set, version }, status, signal)
    .then((stored) => stored === undefined || caches.sets.absorb(stored))
    .catch((refusal: unknown) =>
      log.warn(errorFields(refusal), 'cannot write the error to the status of the set'),
    );
}
