import { uptime } from 'node:os';
import { labels } from '../api/names.ts';

/** The label for a container that is created now. */
export function uptimeLabel(): Record<string, string> {
  return { [labels.uptime]: String(Math.floor(uptime())) };
}

/** What the engine lists of a container; `created` is in seconds since 1970, by the wall clock of that moment. */
type Listed = { readonly created: number; readonly labels: Readonly<Record<string, unknown>> };

/**
 * When a container was created, in milliseconds of the wall clock of now. The engine's own time is wrong after a jump
 * of the clock: a container that its worker is about to start would look abandoned. A container of an earlier boot
 * counts as created in 1970.
 */
export function createdAtMs(
  container: Listed,
  { now, uptimeSeconds }: { now: number; uptimeSeconds: number } = {
    now: Date.now(),
    uptimeSeconds: uptime(),
  },
): number {
  const label = container.labels[labels.uptime];
  const at = typeof label === 'string' && /^\d+$/.test(label) ? Number(label) : undefined;
  // Containers of earlier versions, and those that a user made, have no such label.
  if (at === undefined) return container.created * 1000;
  return at > uptimeSeconds ? 0 : now - (uptimeSeconds - at) * 1000;
}
