import type { GirderClient } from './client.ts';
import { parseNothing } from './documents.ts';

/** What an id of Girder can be of, as far as runs use them. */
export type DocumentKind = 'file' | 'item' | 'folder';

const kinds = ['file', 'item', 'folder'] as const satisfies readonly DocumentKind[];

/** What an id is of that is not of a `kind`, if the user may see it: best effort, asked once, for an error's message. */
export async function otherKindOf(
  client: GirderClient,
  { kind, id }: { readonly kind: DocumentKind; readonly id: string },
  signal: AbortSignal,
): Promise<DocumentKind | undefined> {
  const isA = async (other: DocumentKind) => {
    const subject = `${other} ${id}`;
    try {
      await client.jsonOnce({ method: 'GET', route: [other, id], subject, signal, parse: parseNothing });
      return true;
    } catch {
      signal.throwIfAborted();
      return false;
    }
  };
  for (const other of kinds) if (other !== kind && (await isA(other))) return other;
  return undefined;
}
