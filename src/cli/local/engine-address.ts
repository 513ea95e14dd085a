import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord, parseJson, textOf } from '../../api/json-values.ts';
import type { RemoteAddress, TlsFiles } from '../../docker/engine-agent.ts';
import { dockerConfigDirectory } from '../../docker/pull/local-auths.ts';
import { errorCode } from '../../support/errors.ts';
import { UsageError } from '../arguments.ts';

export const defaultSocket = '/var/run/docker.sock';

/** The `source` of the engine that is taken when nobody named one. */
export const defaultSource = 'the default';

/** Where an engine listens; `socket` is a Unix socket, or a named pipe of Windows. */
export type EngineAddress = { readonly kind: 'socket'; readonly path: string } | RemoteAddress;

/** `source` names where the address was found, for messages. */
export type FoundEngine = {
  readonly address: EngineAddress;
  readonly text: string;
  readonly source: string;
};

/**
 * The engine that the docker command would use: of DOCKER_HOST, else of the context in DOCKER_CONTEXT or in docker's
 * configuration, else the default socket.
 * @throws UsageError for an address that docker would refuse too, or that would send secrets unencrypted
 */
export async function findEngine(environment: NodeJS.ProcessEnv): Promise<FoundEngine> {
  const host = textOf(environment['DOCKER_HOST']);
  if (host !== undefined) {
    const source = 'DOCKER_HOST';
    const directory = textOf(environment['DOCKER_CERT_PATH']) ?? dockerConfigDirectory(environment);
    const isSecured = textOf(environment['DOCKER_TLS_VERIFY']) !== undefined;
    const tls = isSecured ? await tlsFiles(directory) : undefined;
    return { address: parseAddress(host, source, tls), text: host, source };
  }
  return (await contextEngine(environment)) ?? defaultEngine;
}

const defaultEngine: FoundEngine = {
  address: {
    kind: 'socket',
    path: process.platform === 'win32' ? '//./pipe/docker_engine' : defaultSocket,
  },
  text: `unix://${defaultSocket}`,
  source: defaultSource,
};

/** @throws UsageError if the engine is not behind a socket of this machine */
export async function localSocket(environment: NodeJS.ProcessEnv): Promise<string> {
  const { address, text, source } = await findEngine(environment);
  if (address.kind === 'socket') return address.path;
  throw new UsageError(`${source} is ${text}, which is no socket of this machine`);
}

async function contextEngine(environment: NodeJS.ProcessEnv): Promise<FoundEngine | undefined> {
  const directory = dockerConfigDirectory(environment);
  const config = await readJson(join(directory, 'config.json'));
  const context = textOf(environment['DOCKER_CONTEXT']) ?? textOf(config?.['currentContext']);
  if (context === undefined || context === 'default') return undefined;
  // docker names the directories of a context by the hash of its name.
  const hash = createHash('sha256').update(context).digest('hex');
  const meta = await readJson(join(directory, 'contexts', 'meta', hash, 'meta.json'));
  const endpoints = isRecord(meta?.['Endpoints']) ? meta['Endpoints'] : {};
  const endpoint = isRecord(endpoints['docker']) ? endpoints['docker'] : {};
  const text = textOf(endpoint['Host']);
  if (text === undefined)
    throw new UsageError(`docker has no context ${context} with a host; see docker context ls`);
  const source = `the host of docker's context ${context}`;
  if (endpoint['SkipTLSVerify'] === true)
    throw new UsageError(
      `${source} is ${text} with skip-tls-verify, but a run sends secrets there; create the context with its ca instead`,
    );
  const files = await tlsFiles(join(directory, 'contexts', 'tls', hash, 'docker'));
  const hasFiles = files.ca !== undefined || files.cert !== undefined;
  return { address: parseAddress(text, source, hasFiles ? files : undefined), text, source };
}

const unencryptedPort = 2375;
const tlsPort = 2376;

/** Pure. @throws UsageError */
export function parseAddress(text: string, source: string, tls: TlsFiles | undefined): EngineAddress {
  const [, , socket] = /^(unix:\/\/(?=\/)|npipe:\/\/(?=\/\/))(.+)$/.exec(text) ?? [];
  if (socket !== undefined) return { kind: 'socket', path: socket };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // Without brackets, which only a URL has around an IPv6 address.
  const host = (url?.hostname ?? '').replace(/^\[(.*)\]$/, '$1');
  if (url === undefined || host === '' || !['tcp:', 'ssh:'].includes(url.protocol))
    throw new UsageError(
      `${source} is ${text}, which is no address of a Docker Engine, such as unix://${defaultSocket} or ssh://me@server`,
    );
  if (url.password !== '')
    throw new UsageError(`${source} has a password in it; use a key of ssh, or certificates for TLS`);
  return url.protocol === 'ssh:'
    ? sshAddress(url, host, source)
    : tcpAddress(url, { host, source, text, tls });
}

function sshAddress({ username, port, pathname }: URL, host: string, source: string): EngineAddress {
  const socket = pathname === '' || pathname === '/' ? undefined : pathname;
  // It becomes part of a command of the shell there.
  if (socket !== undefined && !/^\/[\w./-]+$/.test(socket))
    throw new UsageError(`${source}: the path must be that of the engine's socket there`);
  const user = textOf(decodeURIComponent(username));
  return { kind: 'ssh', host, user, port: textOf(port), socket };
}

function tcpAddress(
  { port }: URL,
  { host, source, text, tls }: { host: string; source: string; text: string; tls: TlsFiles | undefined },
): EngineAddress {
  if (tls !== undefined) return { kind: 'tcp', host, port: Number(port || tlsPort), tls };
  if (/^(?:localhost|127\.[\d.]+|::1)$/.test(host))
    return { kind: 'tcp', host, port: Number(port || unencryptedPort) };
  throw new UsageError(
    `${source} is ${text} without TLS, but a run sends secrets there; set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH, or use ssh://`,
  );
}

async function tlsFiles(directory: string): Promise<TlsFiles> {
  const read = (name: string) => readText(join(directory, name));
  return { ca: await read('ca.pem'), cert: await read('cert.pem'), key: await read('key.pem') };
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The JSON object in a file; undefined if the file does not exist or does not contain one. */
async function readJson(path: string): Promise<Record<string, unknown> | undefined> {
  const value = parseJson((await readText(path)) ?? '');
  return isRecord(value) ? value : undefined;
}
