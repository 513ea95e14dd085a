import { randomBytes } from 'node:crypto';
import { PassThrough, type Writable } from 'node:stream';
import type { ContainerOptions } from '../../../src/docker/create/container-spec.ts';
import { type Engine, type EngineContext, connectEngine } from '../../../src/docker/engine.ts';
import {
  type ContainerOutcome,
  type FollowOptions,
  runContainer,
} from '../../../src/docker/run-container.ts';

/** The small image that every test runs. */
export const image = 'busybox:local';

/** On every container of one test process, so that leftover containers can be counted. */
export const testLabel = `dockerrun-test=${randomBytes(6).toString('hex')}`;

/** A signal that is never aborted. */
export const never = new AbortController().signal;

/** The socket of the engine that DOCKER_HOST names. */
export function engineSocket(): string {
  const socket = /^unix:\/\/(.+)$/.exec(process.env['DOCKER_HOST'] ?? '')?.[1];
  if (socket === undefined)
    throw new Error('DOCKER_HOST is not set: run make cluster-up and source .cluster/env');
  return socket;
}

export async function engineUnderTest(): Promise<Engine> {
  return connectEngine({ socketPath: engineSocket(), signal: never });
}

/** Options of a container with a unique name. */
export function containerOf(
  command: readonly string[],
  more: Partial<ContainerOptions> = {},
): ContainerOptions {
  const [key = '', value = ''] = testLabel.split('=');
  const name = `dockerrun-test-${randomBytes(8).toString('hex')}`;
  return { name, labels: { [key]: value }, image, command, env: [], mounts: [], ...more };
}

export type Ran = { readonly outcome: ContainerOutcome; readonly stdout: string; readonly stderr: string };

/** An action for the moment when the target runs and has printed a text on stdout. */
export type Cue = { readonly printed: string; readonly act: () => void };

/** What a test chooses in addition to the container: how it is followed, its signal, and its log. */
type Support = FollowOptions & Pick<EngineContext, 'signal' | 'log'>;

/** Runs a command to its end and keeps its output. */
export async function run(
  engine: Engine,
  command: readonly string[],
  more: { container?: Partial<ContainerOptions>; support?: Partial<Support>; cue?: Cue } = {},
): Promise<Ran> {
  const stdout = collector();
  const stderr = collector();
  const given = { engine, signal: never, ...followedInto(stdout.sink, stderr.sink), ...more.support };
  const outcome = await runContainer(
    given,
    containerOf(command, more.container),
    more.cue === undefined ? given : withCue(given, stdout, more.cue),
  );
  return { outcome, stdout: stdout.text(), stderr: stderr.text() };
}

function withCue(following: FollowOptions, { sink, text }: Collector, { printed, act }: Cue): FollowOptions {
  const [started, seen] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const check = () => {
    if (!text().includes(printed)) return;
    sink.off('data', check);
    seen.resolve();
  };
  sink.on('data', check);
  void Promise.all([started.promise, seen.promise]).then(act);
  const onStarted: FollowOptions['onStarted'] = (one) => {
    following.onStarted(one);
    started.resolve();
  };
  return { ...following, onStarted };
}

/** The minimal options for following a container. */
export function followedInto(stdout: Writable, stderr: Writable): FollowOptions {
  return { stdout, stderr, onStarted: () => undefined, stopGraceMs: 1_000 };
}

type Collector = { readonly sink: Writable; readonly bytes: () => Buffer; readonly text: () => string };

/** A sink that keeps all that it receives. */
export function collector(): Collector {
  const sink = new PassThrough();
  const chunks: Buffer[] = [];
  sink.on('data', (chunk: Buffer) => chunks.push(chunk));
  const bytes = () => Buffer.concat(chunks);
  return { sink, bytes, text: () => bytes().toString('utf8') };
}

/** The reason and message of the rejection of a promise; fails when it does not reject. */
export async function failureOf(promise: Promise<unknown>): Promise<{ reason: string; message: string }> {
  try {
    await promise;
  } catch (error) {
    const reason = error instanceof Error && 'reason' in error ? String(error.reason) : 'none';
    return { reason, message: error instanceof Error ? error.message : String(error) };
  }
  throw new Error('it should have failed, but it did not');
}

/** Names of this process's containers that the engine still has, running or not. */
export async function leftContainers(engine: Engine): Promise<string[]> {
  const filters = JSON.stringify({ label: [testLabel] });
  const found = await engine.docker.listContainers({ all: true, filters });
  return found.map(({ Names }) => Names.join(' '));
}
