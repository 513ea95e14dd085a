import type { GirderClient } from '../../girder/client.ts';
import type { ResourceKind } from '../../girder/documents.ts';
import { type DocumentKind, otherKindOf } from '../../girder/lookup.ts';
import { RunError } from '../../support/errors.ts';

/** What to use for an input in place of an id or path that is of another kind. */
export const downloadAdvice = {
  file: 'use girderFileIdToVolume',
  item: 'use girderItemIdToVolume',
  folder: 'use girderFolderIdToVolume',
} as const;

/** The same where an item or a folder may stand, each with a field of its own. */
export const eitherAdvice = {
  file: 'use the id of its item',
  item: 'use itemId',
  folder: 'use folderId',
} as const;

/** The same for a stream, which has no transform for another kind. */
export const streamAdvice = { item: 'use the id of its file', folder: 'use the id of a file in it' } as const;

/** An id that must be of a `kind`, and what to do instead if it is of another one. */
export type IdUse = {
  readonly kind: DocumentKind;
  readonly id: string;
  readonly advice: Readonly<Partial<Record<DocumentKind, string>>>;
};

/** Adds the likely cause to a GirderNotFound: an id of another kind, such as an item's for a file's. */
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
  const text = `${error.message}; that is the id of ${withArticle(kind)}, so ${advice}`;
  return new RunError('GirderNotFound', text, { cause: error });
}

/** Prefixes a RunError with its part of the spec, such as "transform ct"; returns other errors unchanged. */
export function inContext(error: unknown, part: string): unknown {
  if (!(error instanceof RunError)) return error;
  return new RunError(error.reason, `${part}: ${error.message}`, { cause: error });
}

export function withArticle(kind: ResourceKind): string {
  return `${kind === 'item' ? 'an' : 'a'} ${kind}`;
}
