import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { validateHeaderValue } from 'node:http';
import { Writable } from 'node:stream';
import { isForbiddenHeader } from '../../api/fields.ts';
import { type ByteSink, FileSink } from '../../io/byte-sink.ts';
import { ChunkedPost } from '../../io/chunked-post.ts';
import { describe, RunError } from '../../support/errors.ts';
import type { RunContext } from '../context.ts';
import type { RunEnvironment } from '../run-environment.ts';
import type { OutputTo } from '../plan.ts';
import { ProgressLines, type ProgressLine } from './progress-lines.ts';

/** Where a stream of the target goes. */
export type OutputSink = {
  readonly sink: Pick<ByteSink, 'write'>;
  /** Whether a part of the stream could pass for the whole; then it fails rather than ends. */
  readonly atomic: boolean;
  /** The target has ended: what stands still is not waited for as long as before. */
  targetEnded?(): void;
  /** All bytes have been written: resolves when they are delivered, and rejects when they are not. */
  finish(): Promise<void>;
  /** Gives the rest up at once. */
  abort(): void;
};

/** A stream on the node's disk that becomes a file of Girder later; nobody but the worker can reach it. */
export type Spool = { readonly handle: FileHandle; readonly item: ItemFile };

type ItemFile = Extract<OutputTo, { kind: 'item' }>['item'];

/** The end of a stream; one that becomes a file of Girder has a spool, too. */
export type OpenedEnd = { readonly end: OutputSink; readonly spool?: Spool };

/** Opens the end that a step asks for; `onProgress` gets the lines of a progress pipe. */
export async function openOutputSink(
  context: RunContext,
  step: { name: string; to: OutputTo },
  onProgress: (line: ProgressLine) => void,
): Promise<OpenedEnd> {
  const { environment, signal } = context;
  const { to } = step;
  switch (to.kind) {
    case 'stdout':
    case 'stderr':
      return { end: logSink(openLog(context, to.kind)) };
    case 'progress':
      return { end: progressSink(onProgress) };
    case 'post':
      return { end: postSink(to.url, await headersOf(environment, step.name, to), signal) };
    case 'item':
      return openSpool(environment.spoolDirectory, to.item);
  }
}

/** How long a log may stand still once the target has ended, in milliseconds. */
const logWaitMs = 30_000;

/** The log is slow at times and may be gone; the stream waits for it, but neither for ever nor to fail because of it. */
function logSink(log: Writable): OutputSink {
  let isDead = false;
  let giveUp: () => void = () => undefined;
  let timer: NodeJS.Timeout | undefined;
  const watch = () => {
    timer = setTimeout(() => {
      isDead = true;
      giveUp();
    }, logWaitMs);
    timer.unref();
  };
  const write = (chunk: Buffer) =>
    new Promise<void>((resolve) => {
      if (isDead) return resolve();
      giveUp = resolve;
      timer?.refresh();
      log.write(chunk, () => resolve());
    });
  return {
    sink: { write },
    atomic: false,
    targetEnded: watch,
    finish: async () => clearTimeout(timer),
    abort: () => clearTimeout(timer),
  };
}

function progressSink(onProgress: (line: ProgressLine) => void): OutputSink {
  const lines = new ProgressLines(onProgress);
  return {
    sink: lines,
    atomic: false,
    finish: async () => lines.end(),
    abort: () => undefined,
  };
}

/** The request begins with the first byte, so that a target that fails at once asks nothing of the server. */
function postSink(url: string, headers: Record<string, string>, signal: AbortSignal): OutputSink {
  let post: ChunkedPost | undefined;
  const begun = () => (post ??= new ChunkedPost({ url, headers }, signal));
  return {
    sink: { write: (chunk) => begun().write(chunk) },
    atomic: true,
    finish: () => begun().finish(),
    abort: () => post?.abort(),
  };
}

/** @throws RunError InvalidSpec or SecretIncomplete for a header that no request can have */
async function headersOf(
  environment: RunEnvironment,
  name: string,
  { headers }: Extract<OutputTo, { kind: 'post' }>,
): Promise<Record<string, string>> {
  const field = `spec.transforms: ${name}.connect.output.chunkedTransferEncodingStream.headers`;
  const values = await Promise.all(
    headers.map(async ({ name: header, value = '', valueFrom }) => {
      if (isForbiddenHeader(header)) {
        throw new RunError('InvalidSpec', `${field}: ${header} is set by the request itself`);
      }
      const secret = valueFrom?.secretKeyRef;
      // Without the line end that editors and `echo` add.
      const text =
        secret === undefined ? value : (await environment.secretValue(secret, field)).replace(/\r?\n$/, '');
      if (isHeaderText(text)) return [header, text] as const;
      const [reason, where] =
        secret === undefined
          ? (['InvalidSpec', 'its value'] as const)
          : (['SecretIncomplete', `key ${secret.key} of Secret ${secret.name}`] as const);
      throw new RunError(
        reason,
        `${field}: ${where} cannot be the header ${header}: it is not one line of text`,
      );
    }),
  );
  return Object.fromEntries(values);
}

function isHeaderText(value: string): boolean {
  try {
    validateHeaderValue('x', value);
    return true;
  } catch {
    return false;
  }
}

/** The file has no name: whatever becomes of the worker, the disk gets its space back. */
async function openSpool(directory: string, item: ItemFile): Promise<OpenedEnd> {
  const handle = await openNameless(directory);
  const sink = new FileSink(handle);
  const end = { sink, atomic: true, finish: () => sink.flush(), abort: () => undefined };
  return { end, spool: { handle, item } };
}

async function openNameless(directory: string): Promise<FileHandle> {
  const path = join(directory, `stream-${randomUUID()}`);
  try {
    const handle = await open(path, 'wx+', 0o600);
    await unlink(path).catch(async (error: unknown) => {
      await handle.close();
      throw error;
    });
    return handle;
  } catch (error) {
    const text = `a stream cannot be kept on the disk of the worker: ${describe(error)}`;
    throw new RunError('StreamFailed', text, { cause: error });
  }
}

/** A way into the run's log and its Girder job's for one stream, whose bytes no other stream can split. */
export function openLog(context: RunContext, stream: 'stdout' | 'stderr'): Writable {
  const { girderJob } = context;
  return girderJob === undefined ? context[stream] : tee(context[stream], girderJob.sink());
}

/** Writes everything to `main`, at its pace, and to `copy`, which has to keep up; neither can break the other. */
function tee(main: Writable, copy: Writable): Writable {
  return new Writable({
    highWaterMark: main.writableHighWaterMark,
    write(chunk: Buffer, _encoding, done) {
      copy.write(chunk);
      main.write(chunk, () => done());
    },
  });
}
