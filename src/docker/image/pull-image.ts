import type { Readable } from 'node:stream';
import { asError } from '../../support/errors.ts';
import type { Engine } from '../engine.ts';
import { engineStream } from '../engine-call.ts';
import { jsonLines } from '../json-lines.ts';
import { type OnPullProgress, PullProgress } from './pull-progress.ts';
import type { RegistryAuth } from '../registry/auths.ts';

/** What a pull is about. */
export type PullOptions = {
  readonly image: string;
  readonly auth?: RegistryAuth | undefined;
  readonly onProgress: OnPullProgress;
  readonly signal: AbortSignal;
};

/** The engine answers when the registry did; its own dial timeout is 30 s. */
const answerMs = 60_000;
/** Layers report ten times a second; the longest known silence is another pull's lock on a layer. */
const silenceMs = 300_000;

/**
 * Pulls once. That this resolves means only that the engine's stream ended without an error in it: whether the
 * image is there is for an inspect to say.
 */
export async function pullOnce(engine: Engine, options: PullOptions): Promise<void> {
  const progress = new PullProgress(options.onProgress);
  const stream = await engineStream({ signal: options.signal, timeoutMs: answerMs }, (abortSignal) => {
    const { docker } = engine;
    return docker.createImage(options.auth, { ...imageQuery(options.image), abortSignal });
  });
  const stopReading = (): void => void stream.destroy(asError(options.signal.reason));
  options.signal.addEventListener('abort', stopReading, { once: true });
  const silence = setTimeout(() => stream.destroy(new Error(`no word for ${silenceMs / 1000} s`)), silenceMs);
  silence.unref();
  try {
    for await (const line of jsonLines(stream as Readable & AsyncIterable<Buffer>)) {
      silence.refresh();
      progress.observe(line);
    }
    options.signal.throwIfAborted();
  } finally {
    clearTimeout(silence);
    options.signal.removeEventListener('abort', stopReading);
    stream.destroy();
  }
}

/** Without a tag the engine would pull every tag of the repository. */
export function imageQuery(image: string): { fromImage: string; tag: string } {
  const at = image.indexOf('@');
  if (at >= 0) return { fromImage: image.slice(0, at), tag: image.slice(at + 1) };
  const colon = image.lastIndexOf(':');
  if (colon > image.lastIndexOf('/'))
    return { fromImage: image.slice(0, colon), tag: image.slice(colon + 1) };
  return { fromImage: image, tag: 'latest' };
}
