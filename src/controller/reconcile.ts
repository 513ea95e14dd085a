import { randomUUID } from 'node:crypto';
import type { Next } from '../runtime/queue.ts';
import { describe } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import { type Applier, applyAction, applyStatus } from './apply.ts';
import { decide } from './decide.ts';
import { type Decision, isTerminal, type Observed } from './decision.ts';
import { isNews, recordEvent } from './events.ts';
import { gather, type Gatherer } from './gather.ts';
import type { Policy } from './policy.ts';
import { whenToWrite } from './status-write.ts';

export type Reconciler = {
  gatherer: Gatherer;
  applier: Applier;
  policy: () => Promise<Policy>;
  log: Logger;
  signal: AbortSignal;
};

/** Makes the function that brings one run forward: gather → decide → apply. Level-triggered: it knows only the key. */
export function createReconcile(reconciler: Reconciler): (key: string) => Promise<Next> {
  const lastWrites = new Map<string, number>();
  return async (key) => {
    const log = reconciler.log.child({ dockerRun: key, reconcileId: randomUUID().slice(0, 8) });
    try {
      return await reconcile({ ...reconciler, log }, key, lastWrites);
    } catch (error) {
      if (!reconciler.signal.aborted)
        log.warn({ error: describe(error) }, 'reconcile failed, it will be tried again');
      return { kind: 'retry', error };
    }
  };
}

async function reconcile(
  reconciler: Reconciler,
  key: string,
  lastWrites: Map<string, number>,
): Promise<Next> {
  const observed = await gather(reconciler.gatherer, key, reconciler.signal);
  if (observed === undefined) {
    lastWrites.delete(key);
    return { kind: 'done' };
  }
  const decision = await act(reconciler, observed);
  const delay = await write(reconciler, observed, decision, { key, lastWrites });
  const waits = [decision.requeueAfterMs, delay].filter((wait) => wait !== undefined);
  return waits.length === 0 ? { kind: 'done' } : { kind: 'requeueAfter', milliseconds: Math.min(...waits) };
}

/** Decides and acts; when the API server refuses a Job, decides once more knowing that. */
async function act(reconciler: Reconciler, observed: Observed): Promise<Decision> {
  const { run } = observed;
  // The policy decides about runs that have no Job yet, and about no other.
  const isNew = observed.job === undefined && !isTerminal(run.status);
  const policy = isNew ? await reconciler.policy() : {};
  const decision = decide(observed, new Date(), policy);
  for (const action of decision.actions) {
    reconciler.log.info({ action }, 'act');
    const allowed = action.kind === 'createTidyJob' ? await reconciler.policy() : policy;
    const { applier, signal } = reconciler;
    const refusal = await applyAction(applier, { action, run, policy: allowed }, signal);
    // Ends, since no decision asks again for what was refused.
    if (refusal !== undefined) return act(reconciler, { ...observed, ...refusal });
  }
  return decision;
}

/** Writes the status if it is time to; gives how long to wait if it is not yet. */
async function write(
  reconciler: Reconciler,
  { run }: Observed,
  { status, isUrgent = false }: Decision,
  { key, lastWrites }: { key: string; lastWrites: Map<string, number> },
): Promise<number | undefined> {
  if (status === undefined) return undefined;
  const sinceLastWrite = isUrgent ? Infinity : Date.now() - (lastWrites.get(key) ?? 0);
  const when = whenToWrite(run.status, status, sinceLastWrite);
  if (when.kind === 'never') return undefined;
  if (when.kind === 'later') return when.milliseconds;
  const { applier, gatherer, signal, log } = reconciler;
  if (isNews(run.status, status)) {
    // A quota or a webhook that refuses Events must not keep the status from being written.
    await recordEvent(applier.connection, run, status, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      log.warn({ error: describe(error) }, 'the Event was refused');
    });
  }
  const stored = await applyStatus(applier, run, status, signal);
  if (stored !== undefined) gatherer.caches.runs.absorb(stored);
  lastWrites.set(key, Date.now());
  log.info({ phase: status.phase, reason: status.reason, message: status.message }, 'status');
  return undefined;
}
