import { type JobRoute, isRefusal } from './route.ts';
import { jobStatus, nextStatus, type SettableStatus } from './status.ts';

/**
 * Brings the job from the state we know it in to `to`, as far as Girder allows, and tells the state it has then.
 * A refusal is no failure: the job was cancelled meanwhile, or its handler has rules of its own.
 */
export async function advance(
  route: JobRoute,
  { from, to }: { readonly from: number; readonly to: SettableStatus },
  signal: AbortSignal,
): Promise<number> {
  let current = from;
  for (;;) {
    const next = nextStatus(current, to);
    if (next === undefined) return current;
    const reached = await ask(route, next, signal);
    // A job of Girder's handler for legacy workers runs only when it was queued.
    const mayQueue = reached === jobStatus.inactive && next === jobStatus.running;
    const settled = mayQueue ? await ask(route, jobStatus.queued, signal) : reached;
    if (settled === current) return current;
    current = settled;
  }
}

async function ask(
  route: JobRoute,
  status: SettableStatus | typeof jobStatus.queued,
  signal: AbortSignal,
): Promise<number> {
  try {
    return (await route.putPatiently({ status }, signal)).status;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return (await route.putPatiently({}, signal)).status;
  }
}
