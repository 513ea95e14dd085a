import { nameHash } from '../girder/tree-transfer.ts';

/** Milliseconds since 1970, and a length in milliseconds. */
type Share = { readonly after: number; readonly until: number; readonly everyMs: number };

/**
 * Whether the files of an input have to be looked at in a pass. Each input has its moment in every period of `everyMs`;
 * the pass looks at those whose moment is between `after`, when the pass before it started, and `until`.
 */
export function isInShare(inputId: string, { after, until, everyMs }: Share): boolean {
  if (until - after >= everyMs) return true;
  const moment = nameHash(inputId) % everyMs;
  const next = after + 1 + mod(moment - (after + 1), everyMs);
  return next <= until;
}

function mod(value: number, by: number): number {
  return ((value % by) + by) % by;
}
