import type { GirderClient } from '../../girder/client.ts';
import { type DocumentKind, otherKindOf } from '../../girder/lookup.ts';
import { RunError } from '../../support/errors.ts';

/** An id that should be of a `kind`, and what to say when it is of another. */
export type IdUse = {
  readonly kind: DocumentKind;
  readonly id: string;
  readonly advice: Readonly<Partial<Record<DocumentKind, string>>>;
};

/** Adds to a GirderNotFound its likeliest cause: the id of an item where that of a file belongs, and the like. */
export async function wrongIdHint(
  client: GirderClient,
  error: unknown,
  use: IdUse,
  signal: AbortSignal,
): Promise<unknown> {
  signal.throwIfAborted();
  if (!(error instanceof RunError) || error.reason !== 'GirderNotFound') return error;
  const kind = await otherKindOf(client, use, signal);
  const advice = kind === undefined ? undefined : use.advice[kind];
  if (kind === undefined || advice === undefined) return error;
  const article = kind === 'item' ? 'an' : 'a';
  const text = `${error.message}; that is the id of ${article} ${kind}, so ${advice}`;
  return new RunError('GirderNotFound', text, { cause: error });
}

/** Says of a failure which part of the spec it is about, like "transform ct"; an error that is no RunError stays. */
export function inContext(error: unknown, part: string): unknown {
  if (!(error instanceof RunError)) return error;
  return new RunError(error.reason, `${part}: ${error.message}`, { cause: error });
}
