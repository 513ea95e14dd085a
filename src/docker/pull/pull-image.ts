import type { Readable } from 'node:stream';
import type { ImageInspectOptions } from 'dockerode';
import { isRecord, numberOf, textOf } from '../../api/json-values.ts';
import { asError } from '../../support/errors.ts';
import { engineCall, engineStream, jsonLines } from '../engine-call.ts';
import { isUnreachable, notAnEngine, statusOf, toPullError, unavailable } from '../engine-error.ts';
import type { Engine } from '../engine.ts';
import type { RegistryAuth } from './registry-auths.ts';

export type PullOptions = {
  readonly image: string;
  readonly auth?: RegistryAuth | undefined;
  readonly onProgress: OnPullProgress;
  readonly signal: AbortSignal;
};

/** The engine answers once the registry has answered; its own dial timeout is 30 s. */
const answerMs = 60_000;
/** Layers report ten times a second; the longest known silence is another pull's lock on a layer. */
const silenceMs = 300_000;

/**
 * Pulls once. Success means only that the engine's stream ended without an error in it; only an inspect shows
 * whether the image is there.
 */
export async function pullOnce(engine: Engine, options: PullOptions): Promise<void> {
  const progress = new PullProgress(options.onProgress);
  const stream = await engineStream({ signal: options.signal, timeoutMs: answerMs }, (abortSignal) => {
    const { docker } = engine;
    return docker.createImage(options.auth, { ...imageQuery(options.image), abortSignal });
  });
  const stopReading = (): void => void stream.destroy(asError(options.signal.reason));
  options.signal.addEventListener('abort', stopReading, { once: true });
  const silence = setTimeout(
    () => stream.destroy(new Error(`no progress for ${silenceMs / 1000} s`)),
    silenceMs,
  );
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

/** Called while an image is pulled: bytes of all layers known so far, and the status text of the engine. */
type OnPullProgress = (currentBytes: number, totalBytes: number, message: string) => void;

/** In characters: of a layer's id and of a status text. */
const longestText = 500;
/** More layers than any image has (127) are not counted. */
const maxLayers = 1_000;

/** So that the sum of all layers is a number of bytes that can be stored. */
const mostBytes = Math.floor(Number.MAX_SAFE_INTEGER / maxLayers);

function bytesOf(value: unknown): number {
  return Math.round(Math.min(mostBytes, Math.max(0, numberOf(value) ?? 0)));
}

/** Adds up the engine's reports on the layers; the total grows as more layers become known. */
export class PullProgress {
  readonly #layers = new Map<string, { current: number; total: number }>();
  readonly #onProgress: OnPullProgress;

  constructor(onProgress: OnPullProgress) {
    this.#onProgress = onProgress;
  }

  /**
   * Processes one line of the pull.
   * @throws Error with the engine's message when the line reports that the pull failed
   */
  observe(line: unknown): void {
    if (!isRecord(line)) return;
    const detail = isRecord(line['errorDetail']) ? textOf(line['errorDetail']['message']) : undefined;
    const failure = detail ?? textOf(line['error']);
    if (failure !== undefined) throw new Error(failure);
    const status = textOf(line['status']);
    if (status === undefined) return;
    const layer = textOf(line['id']);
    if (layer !== undefined) this.#count(layer.slice(0, longestText), status, line['progressDetail']);
    this.#report(status.slice(0, longestText));
  }

  #count(layer: string, status: string, detail: unknown): void {
    const known = this.#layers.get(layer);
    if (known === undefined && this.#layers.size >= maxLayers) return;
    if (status === 'Downloading' && isRecord(detail)) {
      const current = bytesOf(detail['current']);
      this.#layers.set(layer, { current, total: Math.max(bytesOf(detail['total']), current) });
    } else if (known !== undefined && status !== 'Retrying') {
      this.#layers.set(layer, { current: known.total, total: known.total });
    }
  }

  #report(message: string): void {
    let current = 0;
    let total = 0;
    for (const layer of this.#layers.values()) {
      current += layer.current;
      total += layer.total;
    }
    this.#onProgress(current, total, message);
  }
}

/**
 * The id of an image that the engine has, or undefined.
 * @throws RunError EngineUnavailable or ImagePullFailed; the signal's reason when it aborts
 */
export async function imageId(
  engine: Engine,
  image: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const found = await engineCall<unknown>({ signal }, (abortSignal) => {
      const options: ImageInspectOptions & { abortSignal: AbortSignal } = { abortSignal };
      return engine.docker.getImage(image).inspect(options);
    });
    const id = isRecord(found) ? textOf(found['Id']) : undefined;
    if (id !== undefined && id.length <= longestText) return id;
    throw notAnEngine(engine.socketPath, `the id of the image ${image}`);
  } catch (error) {
    signal.throwIfAborted();
    if (statusOf(error) === 404) return undefined;
    if (isUnreachable(error)) throw unavailable(engine.socketPath, error);
    throw toPullError(error, { image, tries: 1 });
  }
}
