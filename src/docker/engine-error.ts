import { isRecord } from '../api/json-values.ts';
import { RunError, describe, errorCode } from '../support/errors.ts';

/** Codes of a socket that has no server or has lost it; the state of the container is then unknown. */
const unreachableCodes = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'ECONNRESET',
  'EPIPE',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

/** True when the engine did not answer (down, restarting, cut off, too slow); the target may still run. */
export function isUnreachable(error: unknown): boolean {
  if (error instanceof Error && error.name === 'TimeoutError') return true;
  const code = errorCode(error);
  return code !== undefined && unreachableCodes.has(code);
}

/** True when the engine cannot have received the request. */
export function isConnectFailure(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ECONNREFUSED' || code === 'ENOENT';
}

/** The HTTP status of an error response of the engine, undefined for other errors. */
export function statusOf(error: unknown): number | undefined {
  return isRecord(error) && typeof error['statusCode'] === 'number' ? error['statusCode'] : undefined;
}

/** In characters. Messages may quote what a registry answers; expressions that search them are not linear. */
export const longestEngineMessage = 16 * 1024;

/** The engine's own message, cut to 16 Ki characters and without dockerode's prefix. */
export function messageOf(error: unknown): string {
  return describe(error)
    .slice(0, longestEngineMessage)
    .replace(/^\(HTTP code \d+\) .*? - /s, '')
    .trim();
}

/** True when another removal is already in progress (409), which serves as well. */
export function isRemovalInProgress(error: unknown): boolean {
  if (statusOf(error) !== 409) return false;
  const text = messageOf(error);
  return text.includes('removal of container ') && text.includes(' is already in progress');
}

/** The error for an engine that does not answer; it names the socket and the setting that chooses it. */
export function unavailable(socketPath: string, error: unknown): RunError {
  if (error instanceof RunError) return error;
  const why = errorCode(error) === 'EACCES' ? 'permission denied' : describe(error);
  return new RunError(
    'EngineUnavailable',
    `The Docker Engine does not answer on ${socketPath} (setting DOCKERRUN_DOCKER_SOCKET): ${why}`,
    { cause: error },
  );
}

/** The error for an answer that has not the form of an engine's, such as of a program in its place. */
export function notAnEngine(socketPath: string, missing: string): RunError {
  return new RunError('EngineUnavailable', `The server on ${socketPath} answered without ${missing}`);
}

/**
 * What a working engine answers when its node is at fault: no space, or a containerd that is away. No other
 * image and no other option would help.
 */
const nodeFault =
  /no space left on device|disk quota exceeded|containerd\.sock|rpc error: code = Unavailable|transport is closing|daemon is shutting down/i;

export function isNodeFault(error: unknown): boolean {
  return nodeFault.test(messageOf(error));
}

function nodeAtFault(what: string, error: unknown): RunError {
  return new RunError('EngineUnavailable', `The Docker Engine cannot ${what}: ${messageOf(error)}`, {
    cause: error,
  });
}

export function toCreateError(
  error: unknown,
  at: { image: string; name: string; socketPath: string },
): RunError {
  const status = statusOf(error);
  const text = messageOf(error);
  const options = { cause: error };
  if (status === undefined) return unavailable(at.socketPath, error);
  if (isNodeFault(error)) return nodeAtFault('create the container', error);
  const missing = /bind source path does not exist: (.+)$/s.exec(text)?.[1];
  if (missing !== undefined) {
    return new RunError('HostPathNotVisible', `The Docker Engine of the node cannot see ${missing}`, options);
  }
  if (status === 404 && /no such image/i.test(text)) {
    return new RunError('ImageNotFound', `The image ${at.image} is not on the node`, options);
  }
  if (status === 409) {
    return new RunError(
      'ContainerCreateFailed',
      `A container named ${at.name} already exists: this attempt has been started before`,
      options,
    );
  }
  return new RunError(
    'ContainerCreateFailed',
    `The Docker Engine refused to create the container: ${text}`,
    options,
  );
}

export function toVolumeError(error: unknown, at: { what: string; socketPath: string }): RunError {
  if (error instanceof RunError || statusOf(error) === undefined) return unavailable(at.socketPath, error);
  if (isNodeFault(error)) return nodeAtFault(at.what, error);
  const text = `The Docker Engine cannot ${at.what}: ${messageOf(error)}`;
  return new RunError('ContainerCreateFailed', text, { cause: error });
}

export function toStartError(error: unknown, socketPath: string): RunError {
  if (statusOf(error) === undefined) {
    return new RunError(
      'ContainerLost',
      `The Docker Engine on ${socketPath} stopped answering while it started the container: ${describe(error)}`,
      { cause: error },
    );
  }
  if (isNodeFault(error)) return nodeAtFault('start the container', error);
  const text = shortenRuntimeMessage(messageOf(error));
  return new RunError('ContainerStartFailed', `The container could not start: ${text}`, { cause: error });
}

const runtimeNoise =
  /^(?:failed to create (?:shim task|task for container|shim)|OCI runtime create failed|runc create failed|[a-z_]+\.go:\d+|starting container process caused|container init caused|unable to start container process|error during container init|cannot start a container that has stopped)(?:: | )/;

/** Cuts a message of containerd and runc down to the one clause that matters to a user. */
export function shortenRuntimeMessage(message: string): string {
  let text = message.replace(/: unknown$/, '');
  for (
    let shorter = text.replace(runtimeNoise, '');
    shorter !== text;
    shorter = text.replace(runtimeNoise, '')
  ) {
    text = shorter;
  }
  return text.replace(/^"(.*)"$/s, '$1');
}

/**
 * The error for a command that docker-init, the container's first process, could not execute. For the engine
 * that is a normal exit; docker-init reports it on stderr before any other process can write there. The head of
 * stderr may end within a long command.
 */
export function initFailure(exitCode: number, stderrHead: string): RunError | undefined {
  if (![1, 126, 127].includes(exitCode)) return undefined;
  const [, clause] = /^\[FATAL tini \(\d+\)\] (exec .+ failed: .+\r?\n|exec [^\n]+$)/.exec(stderrHead) ?? [];
  return clause === undefined
    ? undefined
    : new RunError('ContainerStartFailed', `The container could not start: ${clause.trimEnd()}`);
}

/**
 * `refused`: the registry wants credentials, or other ones. `missing`: the image does not exist, or its name
 * is wrong. `away`: the registry or the way to it does not work at the moment, which time can cure.
 * `unclear`: anything else, which deserves a few retries.
 */
export type PullFailure = 'refused' | 'missing' | 'away' | 'unclear';

/** The engine reports a registry's answer with status 404 or 500 or in its stream: only the text differs. */
const refusedText = new RegExp(
  [
    '(?:^|: )denied\\b|access (?:to the resource is )?denied|access forbidden|insufficient[_ ]scope',
    'unauthorized|unauthenticated|authentication (?:is )?required|no basic auth|incorrect username or password',
    '\\b(?:401 unauthorized|403 forbidden|HTTP 40[13]|status(?: code)?:? 40[13])\\b',
  ].join('|'),
  'i',
);
/** A name has a bound and no space: with `.*`, many beginnings of a phrase would take quadratic time. */
const missingText = new RegExp(
  [
    'manifest unknown|manifest for \\S{1,1024} not found|name unknown|no such image|no matching manifest',
    'no match for platform|does not (?:match|provide) the (?:specified|requested) platform',
    'repository does not exist|repository \\S{1,1024} not found',
    'invalid reference format|invalid repository name|invalid tag format|must be lowercase',
  ].join('|'),
  'i',
);

/**
 * A server that restarts, is overloaded or limits requests, or a connection without an answer to it. A body
 * that was cut off ("unexpected EOF") is not among them: each retry would download it again.
 */
const awayText = new RegExp(
  [
    '\\b(?:429|50[0234]) (?:too many requests|internal server error|bad gateway|service unavailable|gateway time-?out)',
    '(?:status(?: code)?|http):? (?:429|50[0234])\\b|toomanyrequests|too many requests|rate limit',
    '(?:^|: )(?:unavailable|unknown): |service (?:is )?(?:temporarily )?unavailable',
    'connection refused|connection reset by peer|broken pipe|(?<!unexpected) EOF$|server closed idle connection',
    'no route to host|network is unreachable|i/o timeout|TLS handshake timeout|context deadline exceeded',
    'Client\\.Timeout|timeout awaiting response headers|server misbehaving',
    'temporary failure in name resolution',
  ].join('|'),
  'i',
);
/** A name that the node's resolver does not know, or a server without (trusted) TLS, needs a change. */
const settledText =
  /no such host|x509: |server gave HTTP response to HTTPS client|first record does not look like/i;

/** Classifies the failure of a pull by its HTTP status, or else by its text. */
export function classifyPull(error: unknown): PullFailure {
  const [status, text] = [statusOf(error), messageOf(error)];
  // Before the refusals: Docker Hub writes of an "unauthenticated pull rate limit".
  if (status === 429 || /toomanyrequests|too many requests/i.test(text)) return 'away';
  if (status === 401 || status === 403 || refusedText.test(text)) return 'refused';
  if (status === 400 || status === 404) return 'missing';
  if (isUnreachable(error)) return 'unclear';
  if (missingText.test(text)) return 'missing';
  return awayText.test(text) && !settledText.test(text) ? 'away' : 'unclear';
}

export function toPullError(error: unknown, at: { image: string; tries: number }): RunError {
  if (error instanceof RunError) return error;
  if (isNodeFault(error)) return nodeAtFault(`pull the image ${at.image}`, error);
  const options = { cause: error };
  if (['refused', 'missing'].includes(classifyPull(error))) {
    return new RunError(
      'ImageNotFound',
      `The image ${at.image} cannot be pulled: ${messageOf(error)}`,
      options,
    );
  }
  const times = at.tries === 1 ? 'once' : `${at.tries} times`;
  return new RunError(
    'ImagePullFailed',
    `The image ${at.image} could not be pulled (tried ${times}): ${messageOf(error)}`,
    options,
  );
}
