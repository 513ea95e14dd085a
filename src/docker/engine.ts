import { Agent } from 'node:http';
import Docker from 'dockerode';
import { deadline, sleep } from '../support/abort.ts';
import { RunError } from '../support/errors.ts';
import { isRecord, textOf } from '../support/narrow.ts';
import { isUnreachable, unavailable } from './engine-error.ts';
import { engineCall } from './engine-call.ts';

/** A Docker Engine that answered, and what of it decides how a target is created. */
export type Engine = {
  readonly docker: Docker;
  readonly socketPath: string;
  readonly serverVersion: string;
  readonly cgroupDriver: 'cgroupfs' | 'systemd';
  readonly cgroupVersion: '1' | '2';
  /** False when the engine has no docker-init binary; `Init: true` would then fail every start. */
  readonly hasInit: boolean;
};

/** What everything that is asked of an engine needs. */
export type EngineContext = {
  readonly engine: Engine;
  /** Cancels, in any phase. */
  readonly signal: AbortSignal;
  /** Gets a sentence when something is done differently from what was asked for. */
  readonly log?: { readonly warn: (sentence: string) => void } | undefined;
};

const answerTimeoutMs = 5_000;
const restartBoundMs = 15_000;
const retryEveryMs = 500;

/**
 * Connects to the engine behind a Unix socket; one that is just restarting gets 15 s to come back.
 * @throws RunError EngineUnavailable, naming the socket and the setting that chooses it
 */
export async function connectEngine(options: {
  readonly socketPath: string;
  readonly signal: AbortSignal;
  readonly restartMs?: number;
}): Promise<Engine> {
  const docker = openSocket(options.socketPath);
  const giveUp = deadline(options.restartMs ?? restartBoundMs, options.signal);
  for (;;) {
    try {
      return await ask(docker, options.socketPath, options.signal);
    } catch (error) {
      options.signal.throwIfAborted();
      if (!isUnreachable(error) || giveUp.aborted) throw unavailable(options.socketPath, error);
    }
    await sleep(retryEveryMs, options.signal);
  }
}

/**
 * Every option is given, also the undefined ones, because docker-modem fills what is absent from DOCKER_HOST and
 * its relatives. No kept-alive sockets: after a restart of the engine the first call on one would fail.
 */
function openSocket(socketPath: string): Docker {
  const options = {
    socketPath,
    agent: new Agent({ keepAlive: false }),
    protocol: 'http' as const,
    host: undefined,
    port: undefined,
    timeout: undefined,
    headers: {},
  };
  return new Docker(options);
}

async function ask(docker: Docker, socketPath: string, signal: AbortSignal): Promise<Engine> {
  const limits = { signal, timeoutMs: answerTimeoutMs };
  const [version, info] = await Promise.all([
    engineCall<unknown>(limits, () => docker.version()),
    engineCall<unknown>(limits, () => docker.info()),
  ]);
  if (!isRecord(version) || !isRecord(info)) {
    throw new RunError('EngineUnavailable', `What answers on ${socketPath} is not a Docker Engine`);
  }
  return {
    docker,
    socketPath,
    serverVersion: textOf(version['Version']) ?? 'unknown',
    cgroupDriver: info['CgroupDriver'] === 'systemd' ? 'systemd' : 'cgroupfs',
    cgroupVersion: info['CgroupVersion'] === '2' ? '2' : '1',
    hasInit: hasInitBinary(info),
  };
}

/** Debian's engine knows no commit of its tini, so only "N/A" (moby's word for "not found") means there is none. */
function hasInitBinary(info: Record<string, unknown>): boolean {
  const commit = info['InitCommit'];
  const found = !isRecord(commit) || commit['ID'] !== 'N/A';
  return found && textOf(info['InitBinary']) !== undefined;
}
