import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { isRecord, textOf } from '../../api/json-values.ts';
import { idOf, inspectState } from '../../docker/container-state.ts';
import { settledDespiteAbort } from '../../docker/create/create-container.ts';
import { engineCall, engineStream } from '../../docker/engine-call.ts';
import { notAnEngine, toCreateError, toStartError, toVolumeError } from '../../docker/engine-error.ts';
import type { Engine } from '../../docker/engine.ts';
import { OutputPump, type OutputSinks } from '../../docker/output/output-pump.ts';
import { removeContainer } from '../../docker/remove-container.ts';
import { raceAbort } from '../../support/abort.ts';
import { describe, RunError } from '../../support/errors.ts';
import { Watchdog } from '../../support/watchdog.ts';
import { helperBody, type HelperPlan, helperRoot, inHelper } from './helper-container.ts';

/** How long a copy may stand still, in milliseconds; the engine writes to a disk of its own meanwhile. */
const stallMs = 120_000;
const createMs = 60_000;
/** After so many signals the next one ends the wait for a helper that does not answer. */
const patience = 2;
/** How long an engine may take to say how the helper ended, in milliseconds. */
const answerMs = 10_000;
const pollMs = 200;

/** The helper container: it is removed, with its volume and all in it, at the latest when this is disposed of. */
export class Helper implements AsyncDisposable {
  readonly #engine: Engine;
  readonly #id: string;
  readonly #warn: Warn;
  #isRunning = false;

  private constructor(engine: Engine, id: string, warn: Warn) {
    this.#engine = engine;
    this.#id = id;
    this.#warn = warn;
  }

  /**
   * Creates the container without starting it.
   * @param warn called with a message about a container that cannot be removed
   * @throws RunError
   */
  static async create(
    engine: Engine,
    plan: Omit<HelperPlan, 'name'>,
    { signal, warn }: { signal: AbortSignal; warn: Warn },
  ): Promise<Helper> {
    const name = `dockerrun-helper-${randomUUID()}`;
    const creating = engineCall({ timeoutMs: createMs }, (abortSignal) => {
      const request = { abortSignal, _query: { name }, _body: helperBody({ ...plan, name }) };
      return engine.docker.createContainer(request);
    });
    try {
      const id = idOf((await settledDespiteAbort(creating, signal)).id);
      if (id === undefined) throw notAnEngine(engine.socketPath, 'the id of the container');
      return new Helper(engine, id, warn);
    } catch (error) {
      await removeContainer(engine, name, signal).catch(() => undefined);
      signal.throwIfAborted();
      throw withoutSocket(error, plan.engineSocket) ?? toCreateError(error, { ...plan, name, ...engine });
    }
  }

  /** The path on the engine's machine of the volume of the helper. @throws RunError EngineUnavailable */
  async volumeSource(signal: AbortSignal): Promise<string> {
    const container = this.#engine.docker.getContainer(this.#id);
    const found = await engineCall<unknown>({ signal }, (abortSignal) =>
      container.inspect({ abortSignal }),
    ).catch((error: unknown) => {
      signal.throwIfAborted();
      throw this.#failure(error, 'say where its volume is');
    });
    const mounts: unknown = isRecord(found) ? found['Mounts'] : undefined;
    const all: unknown[] = Array.isArray(mounts) ? mounts : [];
    const volume = all.filter(isRecord).find((mount) => mount['Destination'] === helperRoot);
    const source = textOf(volume?.['Source']);
    if (source === undefined) throw notAnEngine(this.#engine.socketPath, 'the place of a volume');
    return source;
  }

  /** Unpacks an archive in the volume of the helper. @throws RunError; what the iteration throws */
  async put(archive: AsyncIterable<Buffer>, signal: AbortSignal): Promise<void> {
    using dog = new Watchdog(stallMs, 'progress of the copy to the Docker Engine', signal);
    const touching = async function* () {
      for await (const chunk of archive) {
        dog.touch();
        yield chunk;
      }
    };
    const body = Readable.from(touching(), { objectMode: false });
    const { docker } = this.#engine;
    const options = { path: helperRoot, abortSignal: dog.signal };
    try {
      await raceAbort(docker.getContainer(this.#id).putArchive(body, options), dog.signal);
    } catch (error) {
      signal.throwIfAborted();
      throw this.#failure(error, 'take a copy of the files');
    } finally {
      body.destroy();
    }
  }

  /** The engine's archive of a directory in the volume; it fails when it stands still. @throws RunError */
  async get(path: string, signal: AbortSignal): Promise<Readable> {
    const stream = await engineStream({ signal }, (abortSignal) =>
      this.#engine.docker.getContainer(this.#id).getArchive({ path: inHelper(path), abortSignal }),
    ).catch((error: unknown) => {
      signal.throwIfAborted();
      throw this.#failure(error, 'give a copy of the results');
    });
    const dog = new Watchdog(stallMs, 'progress of the copy from the Docker Engine', signal);
    dog.signal.addEventListener('abort', () => stream.destroy(asStall(dog.signal)), { once: true });
    stream.on('data', () => dog.touch());
    stream.on('close', () => dog.stop());
    // The consumer decides when bytes flow.
    return stream.pause();
  }

  /**
   * Starts the helper with its request, passes its output on, and returns its exit code.
   * @param use `started` is called with the function that sends a signal to the helper
   * @throws RunError EngineUnavailable when it is not known how the helper ended
   */
  async run(request: string, { sinks, signal, started }: HelperUse): Promise<number> {
    const { docker, socketPath } = this.#engine;
    const container = docker.getContainer(this.#id);
    const stream = await engineStream({ signal }, (abortSignal) => {
      const query = { stream: 1, stdin: 1, stdout: 1, stderr: 1 };
      const options = { hijack: true, stdin: true, abortSignal, _query: query, _body: {} };
      return container.attach(options);
    }).catch((error: unknown) => {
      signal.throwIfAborted();
      throw this.#failure(error, 'connect to the helper container');
    });
    stream.on('error', () => undefined);
    try {
      const start = (abortSignal: AbortSignal) => {
        this.#isRunning = true;
        return container.start({ abortSignal });
      };
      await engineCall({ signal, timeoutMs: createMs }, start).catch((error: unknown) => {
        // Without its request it has not begun anything, and ends with its standard input.
        this.#isRunning = false;
        signal.throwIfAborted();
        throw toStartError(error, socketPath);
      });
      // The connection of an upgraded request can be written to, too.
      const stdin = stream as unknown as NodeJS.WritableStream;
      stdin.write(request);
      const pump = new OutputPump(stream, sinks);
      let sent = 0;
      using _ = started((name) => {
        sent += 1;
        if (sent <= patience) stdin.write(`${name}\n`);
        else pump.abort();
      });
      await pump.done;
      const code = await this.#exitCode();
      this.#isRunning = false;
      return code;
    } finally {
      stream.destroy();
    }
  }

  /** Asks until the helper has ended: its output ends a moment before. */
  async #exitCode(): Promise<number> {
    const giveUpAt = performance.now() + answerMs;
    let why = 'its connection ended; the run there is stopped and cleaned up';
    while (performance.now() < giveUpAt) {
      const state = await inspectState(this.#engine, this.#id, { timeoutMs: answerMs }).catch(
        (error: unknown) => describe(error),
      );
      if (typeof state === 'string') why = state;
      else if (state.phase === 'exited') return state.exitCode;
      else if (state.phase === 'gone') break;
      await pause(pollMs);
    }
    throw new RunError(
      'EngineUnavailable',
      `The Docker Engine on ${this.#engine.socketPath} did not say how the run ended: ${why}`,
    );
  }

  #failure(error: unknown, what: string): RunError {
    return toVolumeError(error, { what, socketPath: this.#engine.socketPath });
  }

  /** A helper that may still run has to remove the target first, and then removes itself. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isRunning) return;
    const problem = (error: unknown) => this.#warn(`the helper container may be left: ${describe(error)}`);
    await removeContainer(this.#engine, this.#id, undefined).catch(problem);
  }
}

type Warn = (message: string) => void;

type SendSignal = (name: string) => void;

export type HelperUse = {
  readonly sinks: OutputSinks;
  /** Ends everything before the start; after that, signals do. */
  readonly signal: AbortSignal;
  readonly started: (send: SendSignal) => Disposable;
};

function asStall({ reason }: AbortSignal): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

/** An engine elsewhere may listen on another socket than the usual one. */
function withoutSocket(error: unknown, engineSocket: string): RunError | undefined {
  if (!describe(error).includes(`bind source path does not exist: ${engineSocket}`)) return undefined;
  const text = `The Docker Engine has no socket ${engineSocket} on its machine; name it with --engine-socket`;
  return new RunError('EngineUnavailable', text, { cause: error });
}
