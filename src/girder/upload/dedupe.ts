import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { FailureReason } from '../../api/reasons.ts';
import type { ByteSink } from '../../io/byte-sink.ts';
import { asError, RunError } from '../../support/errors.ts';
import { StalledError, Watchdog } from '../../support/watchdog.ts';
import type { GirderClient } from '../client.ts';
import type { GirderFile } from '../documents.ts';
import { streamFile } from '../download/stream-file.ts';
import { BrokenBody, type ByteBody } from '../http/byte-body.ts';
import { parseContentRange } from '../http/http1.ts';
import { defaultRetryLimits, RangeRefused, RetryBudget, TransientFailure } from '../retry.ts';

const blockBytes = 256 * 1024;
/** How much of the end of a file is compared first. */
const tailBytes = 64 * 1024;
/** A store that only Girder reaches must not delay each upload by the patience for Girder. */
const tailPatienceMs = 5_000;
/** Why the bytes of a file cannot be read although Girder lists it. */
const unreadable: readonly FailureReason[] = [
  'GirderUnavailable',
  'GirderRefused',
  'GirderNotFound',
  'GirderForbidden',
  'DownloadFailed',
];

/** `size` bytes of an open regular file. */
type LocalFile = { readonly source: FileHandle; readonly size: number };

/**
 * Returns the stored file if its bytes are those of the local one, with their SHA-256. Girder usually has no
 * hash; then the stored bytes are read, which costs no more than an upload.
 */
export async function findSame(
  client: GirderClient,
  stored: GirderFile | undefined,
  local: LocalFile,
  signal: AbortSignal,
): Promise<{ fileId: string; sha256: string } | undefined> {
  if (stored?.size !== local.size || stored.isLink) return undefined;
  if (local.size > tailBytes && (await hasSameTail(client, stored, local, signal)) === false)
    return undefined;
  const { sha256, sha512 } = await hashLocal(local, signal);
  const isSame =
    stored.sha512 === undefined
      ? (await hashReadable(client, stored, signal)) === sha256
      : stored.sha512 === sha512;
  return isSame ? { fileId: stored._id, sha256 } : undefined;
}

/** Undefined if Girder does not return the bytes that it should have: they are then replaced. */
async function hashReadable(
  client: GirderClient,
  stored: GirderFile,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    return await hashStored(client, stored, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof RunError && unreadable.includes(error.reason)) return undefined;
    throw error;
  }
}

/**
 * Whether the last bytes in Girder are those of the local file, and the last ones there: Girder reports the size
 * that it expected, also of an object that its store cut. Undefined if they cannot be read; the store may be out
 * of reach for all but Girder.
 */
export async function hasSameTail(
  client: GirderClient,
  file: GirderFile,
  local: LocalFile,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const start = Math.max(0, local.size - tailBytes);
  const tail = Buffer.alloc(local.size - start);
  await local.source.read(tail, 0, tail.length, start);
  const budget = new RetryBudget({ ...defaultRetryLimits, totalMs: tailPatienceMs });
  for (;;) {
    try {
      return await compareTail(client, file, { tail, start }, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof RangeRefused) return false;
      if (error instanceof RunError && unreadable.includes(error.reason)) return undefined;
      if (!(error instanceof TransientFailure)) throw error;
      if (!(await budget.waitToRetry(error, signal))) return undefined;
    }
  }
}

async function compareTail(
  client: GirderClient,
  { _id }: GirderFile,
  { tail, start }: { readonly tail: Buffer; readonly start: number },
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const size = start + tail.length;
  const response = await client.open({
    method: 'GET',
    route: ['file', _id, 'download'],
    headers: { Range: `bytes=${start}-${size - 1}` },
    buffer: Buffer.allocUnsafeSlow(tailBytes),
    subject: `file ${_id}`,
    signal,
  });
  // The request has time limits of its own, and so has a session that it may need.
  using watchdog = new Watchdog(client.timing.stall, 'byte of the file', signal);
  const { status, body } = response;
  try {
    const range = parseContentRange(response.header('content-range'));
    // Without ranges, only the length is compared: reading the whole file is left to hashStored.
    if (status !== 206) return Number(response.header('content-length') ?? size) === size ? undefined : false;
    if (range?.first !== start || (range.total ?? size) !== size) return false;
    return await isEqual(body, tail, watchdog);
  } finally {
    body.destroy();
  }
}

/** Whether a body has exactly these bytes. */
async function isEqual(body: ByteBody, expected: Buffer, watchdog: Watchdog): Promise<boolean> {
  const onAbort = () => body.destroy(asError(watchdog.signal.reason));
  watchdog.signal.addEventListener('abort', onAbort, { once: true });
  let [position, isSame] = [0, true];
  try {
    await body.pump((chunk) => {
      watchdog.touch();
      isSame &&= chunk.equals(expected.subarray(position, position + chunk.length));
      position += chunk.length;
      return undefined;
    });
  } catch (error) {
    throw error instanceof BrokenBody || error instanceof StalledError
      ? new TransientFailure(error.message)
      : error;
  }
  return isSame && position === expected.length;
}

async function hashLocal(
  { source, size }: LocalFile,
  signal: AbortSignal,
): Promise<{ sha256: string; sha512: string }> {
  const [sha256, sha512] = [createHash('sha256'), createHash('sha512')];
  const block = Buffer.allocUnsafe(Math.min(blockBytes, Math.max(1, size)));
  for (let position = 0; position < size;) {
    signal.throwIfAborted();
    const { bytesRead } = await source.read(block, 0, block.length, position);
    if (bytesRead === 0) break;
    position += bytesRead;
    const read = block.subarray(0, bytesRead);
    sha256.update(read);
    sha512.update(read);
  }
  return { sha256: sha256.digest('hex'), sha512: sha512.digest('hex') };
}

/** The SHA-256 of the bytes that Girder returns for a file, in constant memory. */
export async function hashStored(
  client: GirderClient,
  file: GirderFile,
  signal: AbortSignal,
): Promise<string> {
  let hash = createHash('sha256');
  const sink: ByteSink = {
    write(chunk) {
      hash.update(chunk);
      return undefined;
    },
    async restart() {
      hash = createHash('sha256');
    },
  };
  await streamFile(client, file, sink, { signal });
  return hash.digest('hex');
}
