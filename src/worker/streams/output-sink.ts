import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { isForbiddenHeader, isHeaderText } from '../../api/fields.ts';
import { type ByteSink, FileSink, HeadAndTail } from '../../io/byte-sink.ts';
import { ChunkedPost } from '../../io/chunked-post.ts';
import { describe, RunError } from '../../support/errors.ts';
import type { RunContext } from '../context.ts';
import { type RunEnvironment, valueOf } from '../run-environment.ts';
import type { OutputStep, OutputTo } from '../plan.ts';
import { ProgressLines, type ProgressLine } from './progress-lines.ts';

export type OutputSink = {
  readonly sink: Pick<ByteSink, 'write'>;
  /** Whether an incomplete stream must fail, because the receiver could take it for the whole. */
  readonly atomic: boolean;
  /** The target has ended: from now on, a stall is waited for only for a limited time. */
  targetEnded?(): void;
  /** Called after the last byte; resolves when all bytes are delivered. */
  finish(): Promise<void>;
  /** Drops the rest at once. */
  abort(): void;
};

/** An unnamed file that only the worker can open; it becomes a file of Girder at the end. */
export type Spool = { readonly handle: FileHandle; readonly item: ItemFile };

type ItemFile = Extract<OutputTo, { kind: 'item' }>['item'];

/** With a spool if the stream becomes a file of Girder. */
export type OpenedEnd = { readonly end: OutputSink; readonly spool?: Spool };

/**
 * `onProgress` is called with each line of a progress pipe.
 * @throws RunError if a header or the spool is not usable
 */
export async function openOutputSink(
  context: RunContext,
  step: Pick<OutputStep, 'name' | 'to'> & Partial<Pick<OutputStep, 'source'>>,
  onProgress: (line: ProgressLine) => void,
): Promise<OpenedEnd> {
  const { environment, signal } = context;
  const { to, source } = step;
  switch (to.kind) {
    case 'stdout':
    case 'stderr':
      return { end: logSink(openLog(context, to.kind)) };
    case 'progress':
      return { end: progressSink(onProgress) };
    case 'post':
      return { end: postSink(to.url, await headersOf(environment, step.name, to), signal) };
    case 'item':
      return openSpool(environment.spoolDirectory, to.item, logOf(context, source));
  }
}

/** How long a log may stall after the target has ended, in milliseconds. */
const logWaitMs = 30_000;

/** A stream waits for a slow log while the target runs, but never fails because of the log. */
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

/** The request starts with the first byte, so that the server sees none from a target that fails at once. */
function postSink(url: string, headers: Record<string, string>, signal: AbortSignal): OutputSink {
  let post: ChunkedPost | undefined;
  const started = () => (post ??= new ChunkedPost({ url, headers }, signal));
  return {
    sink: { write: (chunk) => started().write(chunk) },
    atomic: true,
    finish: () => started().finish(),
    abort: () => post?.abort(),
  };
}

/** @throws RunError InvalidSpec or SecretIncomplete for a header that no request may have */
async function headersOf(
  environment: RunEnvironment,
  name: string,
  { headers }: Extract<OutputTo, { kind: 'post' }>,
): Promise<Record<string, string>> {
  const field = `spec.transforms: ${name}.connect.output.chunkedTransferEncodingStream.headers`;
  const values = await Promise.all(
    headers.map(async ({ name: header, ...given }) => {
      if (isForbiddenHeader(header)) {
        throw new RunError('InvalidSpec', `${field}: ${header} is set by the request itself`);
      }
      const { text: found, where, reason } = await valueOf(environment, given, field);
      // Without the line end that editors and `echo` add to a Secret.
      const text = given.valueFrom === undefined ? found : found.replace(/\r?\n$/, '');
      if (isHeaderText(text)) return [header, text] as const;
      const problem = `${field}: ${where} cannot be sent as the header ${header}: it is not one line of text`;
      throw new RunError(reason, problem);
    }),
  );
  return Object.fromEntries(values);
}

/** What the target writes to its own outputs stays in the log: nobody would see why a failed target failed. */
function logOf(context: RunContext, source: OutputStep['source'] | undefined): OutputSink | undefined {
  return typeof source === 'string' ? logSink(openLog(context, source)) : undefined;
}

/** The file has no name, so that its disk space is freed even if the worker is killed. */
async function openSpool(directory: string, item: ItemFile, log: OutputSink | undefined): Promise<OpenedEnd> {
  const handle = await openUnnamed(directory);
  const sink = new FileSink(handle);
  const write = async (chunk: Buffer) => {
    await Promise.all([sink.write(chunk), log?.sink.write(chunk)]);
  };
  const end = {
    sink: log === undefined ? sink : { write },
    atomic: true,
    targetEnded: () => log?.targetEnded?.(),
    finish: async () => {
      await sink.flush();
      await log?.finish();
    },
    abort: () => log?.abort(),
  };
  return { end, spool: { handle, item } };
}

/** In bytes: the beginning of the target's output, which shows what it did, and its end, which shows why. */
const keptOfLog = { head: 8 * 1024 * 1024, tail: 24 * 1024 * 1024 } as const;

/** The target's output on the worker's disk until it becomes a file of Girder: bounded, whatever it writes. */
export class LogSpool {
  readonly #handle: FileHandle;
  readonly #directory: string;
  readonly #kept: HeadAndTail;
  #failure: Error | undefined;
  /** Receives stdout and stderr in the order of their arrival. Never fails: the log decides no run. */
  readonly writable: Writable;

  private constructor(handle: FileHandle, directory: string) {
    this.#handle = handle;
    this.#directory = directory;
    this.#kept = new HeadAndTail(handle, keptOfLog);
    this.writable = new Writable({
      write: (chunk: Buffer, _encoding, done) => void this.#write(chunk).finally(() => done()),
    });
  }

  static async open(directory: string): Promise<LogSpool> {
    return new LogSpool(await openUnnamed(directory), directory);
  }

  /** The log as one file, which the caller closes. @throws RunError StreamFailed if the disk could not hold it */
  async read(): Promise<{ source: FileHandle; size: number }> {
    if (this.#failure !== undefined) throw this.#failure;
    const source = await openUnnamed(this.#directory);
    const notice = `\n[dockerrun: ${this.#kept.cut} bytes of the output are left out here]\n`;
    try {
      return { source, size: await this.#kept.copyTo(source, notice) };
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #write(chunk: Buffer): Promise<void> {
    if (this.#failure !== undefined) return;
    await this.#kept.write(chunk).catch((error: unknown) => {
      this.#failure = new RunError(
        'StreamFailed',
        `cannot store the log on the disk of the worker: ${describe(error)}`,
      );
    });
  }
}

async function openUnnamed(directory: string): Promise<FileHandle> {
  const path = join(directory, `stream-${randomUUID()}`);
  try {
    const handle = await open(path, 'wx+', 0o600);
    await unlink(path).catch(async (error: unknown) => {
      await handle.close();
      throw error;
    });
    return handle;
  } catch (error) {
    const text = `cannot store a stream on the disk of the worker: ${describe(error)}`;
    throw new RunError('StreamFailed', text, { cause: error });
  }
}

/** To the run's log and its Girder job's. In the latter, streams never split each other's bytes. */
export function openLog(context: RunContext, stream: 'stdout' | 'stderr'): Writable {
  const { girderJob } = context;
  return girderJob === undefined ? context[stream] : tee(context[stream], girderJob.sink());
}

/** Writes to `main` at its pace and to `copy` without waiting; a failure of one does not stop the other. */
function tee(main: Writable, copy: Writable): Writable {
  return new Writable({
    highWaterMark: main.writableHighWaterMark,
    write(chunk: Buffer, _encoding, done) {
      copy.write(chunk);
      main.write(chunk, () => done());
    },
  });
}
