import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Result } from '../../src/api/status.ts';
import { layout } from '../../test/cluster/layout.ts';
import { downloadFile, type GirderSession } from './girder-session.ts';

const copies = join(layout.checkout, '.demo');

/** A result whose bytes in Girder have the size and SHA-256 that the status shows. */
export type VerifiedResult = Result & { address: string; copy: string };

/** Downloads every result, compares it with the status, and keeps a copy in .demo/. */
export async function verifyResults(
  session: GirderSession,
  results: readonly Result[],
  signal: AbortSignal,
): Promise<VerifiedResult[]> {
  if (results.length === 0) throw new Error('the run succeeded, but its status lists no result');
  mkdirSync(copies, { recursive: true });
  const verified: VerifiedResult[] = [];
  for (const result of results) {
    const bytes = await downloadFile(session, result.fileId, signal);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (sha256 !== result.sha256 || bytes.length !== result.size) {
      throw new Error(
        `${result.name} in Girder has ${bytes.length} bytes and SHA-256 ${sha256}, but the status has ${result.size} and ${result.sha256}`,
      );
    }
    const copy = join(copies, result.name);
    writeFileSync(copy, bytes);
    verified.push({ ...result, address: `${session.apiUrl}/file/${result.fileId}/download`, copy });
  }
  return verified;
}

/** The URL of an item in Girder's web pages. */
export function itemPage({ apiUrl }: GirderSession, itemId: string): string {
  return `${apiUrl.replace(/\/api\/v1\/?$/, '')}/#item/${itemId}`;
}

/** The URL of a folder in Girder's web pages. */
export function folderPage({ apiUrl }: GirderSession, folderId: string): string {
  return `${apiUrl.replace(/\/api\/v1\/?$/, '')}/#folder/${folderId}`;
}
