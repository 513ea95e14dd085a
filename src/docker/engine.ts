import { Agent } from 'node:http';
import Docker from 'dockerode';
import { isRecord, textOf } from '../api/json-values.ts';
import { deadline, sleep } from '../support/abort.ts';
import { backoffMs } from '../support/backoff.ts';
import { RunError } from '../support/errors.ts';
import { isUnreachable, statusOf, unavailable } from './engine-error.ts';
import { engineCall, sendToEngine } from './engine-call.ts';

/** A Docker Engine that answered, with the properties that decide how a target is created. */
export type Engine = {
  readonly docker: Docker;
  /** The path of the socket, or the address of an engine elsewhere; messages name it. */
  readonly socketPath: string;
  readonly serverVersion: string;
  readonly cgroupDriver: 'cgroupfs' | 'systemd';
  readonly cgroupVersion: '1' | '2';
  /** False when the engine has no docker-init binary; `Init: true` would then fail every start. */
  readonly hasInit: boolean;
};

/** What every operation on an engine needs. */
export type EngineContext = {
  readonly engine: Engine;
  /** Cancels, in any phase. */
  readonly signal: AbortSignal;
  /** Receives a warning when we deviate from the requested options. */
  readonly log?: { readonly warn: (message: string) => void } | undefined;
};

const answerTimeoutMs = 5_000;
const restartBoundMs = 15_000;
/** In characters; it goes into the log. */
const longestVersion = 100;
/** Many workers of a node wait for the same engine, so they do not ask it at once. */
const retry = { firstMs: 500, maxMs: 2_000 } as const;

/**
 * Connects to the engine behind a Unix socket, or to where `agent` connects, and retries for `restartMs` (15 s) in case
 * the engine is restarting.
 * @throws RunError EngineUnavailable, naming the socket and the setting that chooses it
 */
export async function connectEngine(options: {
  readonly socketPath: string;
  readonly agent?: Agent | undefined;
  readonly signal: AbortSignal;
  readonly restartMs?: number;
}): Promise<Engine> {
  const docker = openSocket(options.socketPath, options.agent);
  const giveUp = deadline(options.restartMs ?? restartBoundMs, options.signal);
  for (let failures = 0; ; failures += 1) {
    try {
      return await identify(docker, options.socketPath, options.signal);
    } catch (error) {
      options.signal.throwIfAborted();
      if (!mayPass(error) || giveUp.aborted) throw unavailable(options.socketPath, error);
    }
    await sleep(backoffMs(failures, retry), options.signal);
  }
}

/**
 * Sets every option, even to undefined, because docker-modem takes absent ones from DOCKER_HOST and related
 * variables. Does not keep sockets alive: after a restart of the engine the first call on one would fail.
 */
function openSocket(socketPath: string, agent?: Agent): Docker {
  // With an agent, which knows the address itself, the host is only the name in the requests.
  const place =
    agent === undefined
      ? { socketPath, host: undefined, port: undefined }
      : { socketPath: undefined, host: 'docker', port: 80 };
  const options = {
    ...place,
    agent: agent ?? new Agent({ keepAlive: false }),
    protocol: 'http' as const,
    timeout: undefined,
    headers: {},
  };
  const docker = new Docker(options);
  Object.assign(docker.modem, { buildRequest: sendToEngine });
  return docker;
}

/** An engine that starts may answer with an error of its own first. */
function mayPass(error: unknown): boolean {
  return isUnreachable(error) || (statusOf(error) ?? 0) >= 500;
}

async function identify(docker: Docker, socketPath: string, signal: AbortSignal): Promise<Engine> {
  const limits = { signal, timeoutMs: answerTimeoutMs };
  const [version, info] = await Promise.all([
    engineCall<unknown>(limits, () => docker.version()),
    engineCall<unknown>(limits, () => docker.info()),
  ]);
  if (!isRecord(version) || !isRecord(info)) {
    throw new RunError('EngineUnavailable', `The server on ${socketPath} is not a Docker Engine`);
  }
  return {
    docker,
    socketPath,
    serverVersion: (textOf(version['Version']) ?? 'unknown').slice(0, longestVersion),
    cgroupDriver: info['CgroupDriver'] === 'systemd' ? 'systemd' : 'cgroupfs',
    cgroupVersion: info['CgroupVersion'] === '2' ? '2' : '1',
    hasInit: hasInitBinary(info),
  };
}

/** Only "N/A" (moby's "not found") means missing: Debian's engine does not know the commit of its tini. */
function hasInitBinary(info: Record<string, unknown>): boolean {
  const commit = info['InitCommit'];
  const isFound = !isRecord(commit) || commit['ID'] !== 'N/A';
  return isFound && textOf(info['InitBinary']) !== undefined;
}
