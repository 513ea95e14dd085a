import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import type { ByteSink } from '../io/byte-sink.ts';
import { ChunkedPost } from '../io/chunked-post.ts';
import { FileSink } from '../io/file-sink.ts';
import { ProgressLines, type ProgressLine } from './progress-lines.ts';
import type { Setting } from './setting.ts';
import type { OutputTo } from './stream-steps.ts';

/** Where a stream of the target goes. */
export type OutputEnd = {
  readonly sink: Pick<ByteSink, 'write'>;
  /** All bytes have been written: resolves when they are delivered, and rejects when they are not. */
  finish(): Promise<void>;
  /** Gives the rest up at once. */
  abort(): void;
};

/** What the ends of streams need besides the bytes. */
export type EndContext = {
  readonly setting: Setting;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly onProgress: (line: ProgressLine) => void;
  readonly signal: AbortSignal;
};

/** A stream on the node's disk that becomes a file of Girder later; nobody but the worker can reach it. */
export type Spool = { readonly handle: FileHandle; readonly item: ItemFile };

type ItemFile = Extract<OutputTo, { kind: 'item' }>['item'];

/** Opens the end that a step asks for; a stream that becomes a file of Girder has a spool besides. */
export async function openEnd(
  step: { name: string; to: OutputTo },
  context: EndContext,
): Promise<{ end: OutputEnd; spool?: Spool }> {
  const { to } = step;
  switch (to.kind) {
    case 'stdout':
      return { end: logEnd(context.stdout) };
    case 'stderr':
      return { end: logEnd(context.stderr) };
    case 'progress':
      return { end: progressEnd(context.onProgress) };
    case 'post':
      return { end: postEnd(to.url, await headersOf(step.name, to, context.setting), context.signal) };
    case 'item':
      return openSpool(context.setting.spoolDirectory, to.item);
  }
}

/** The log is slow at times and may be gone; the stream waits for it, and never fails because of it. */
function logEnd(log: Writable): OutputEnd {
  const write = (chunk: Buffer) => new Promise<void>((resolve) => log.write(chunk, () => resolve()));
  return { sink: { write }, finish: () => Promise.resolve(), abort: () => undefined };
}

function progressEnd(onProgress: (line: ProgressLine) => void): OutputEnd {
  const lines = new ProgressLines(onProgress);
  return { sink: lines, finish: async () => lines.end(), abort: () => undefined };
}

/** The request begins with the first byte, so that a target that fails at once asks nothing of the server. */
function postEnd(url: string, headers: Record<string, string>, signal: AbortSignal): OutputEnd {
  let post: ChunkedPost | undefined;
  const begun = () => (post ??= new ChunkedPost({ url, headers }, signal));
  return {
    sink: { write: (chunk) => begun().write(chunk) },
    finish: () => begun().finish(),
    abort: () => post?.abort(),
  };
}

async function headersOf(
  name: string,
  { headers }: Extract<OutputTo, { kind: 'post' }>,
  setting: Setting,
): Promise<Record<string, string>> {
  const field = `spec.transforms: ${name}.connect.output.chunkedTransferEncodingStream.headers`;
  const values = await Promise.all(
    headers.map(async (header) => {
      const { valueFrom, value = '' } = header;
      const text = valueFrom === undefined ? value : await setting.secretValue(valueFrom.secretKeyRef, field);
      return [header.name, text] as const;
    }),
  );
  return Object.fromEntries(values);
}

/** The file has no name: whatever becomes of the worker, the disk gets its space back. */
async function openSpool(directory: string, item: ItemFile): Promise<{ end: OutputEnd; spool: Spool }> {
  const path = join(directory, `stream-${randomUUID()}`);
  const handle = await open(path, 'wx+', 0o600);
  await unlink(path);
  const sink = new FileSink(handle);
  return {
    end: { sink, finish: () => sink.flush(), abort: () => undefined },
    spool: { handle, item },
  };
}
