import { X509Certificate } from 'node:crypto';
import { request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, type AgentOptions, request as requestHttps } from 'node:https';
import { BlockList, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  connect as connectSecurely,
  type ConnectionOptions,
  type DetailedPeerCertificate,
  getCACertificates,
  setDefaultCACertificates,
} from 'node:tls';
import { deadline } from './abort.ts';
import { describe } from './errors.ts';

/** How a process reaches servers: additional CA certificates in PEM, and proxies as the usual variables have them. */
export type EgressSettings = {
  readonly caBundle?: string | undefined;
  readonly httpProxy?: string | undefined;
  readonly httpsProxy?: string | undefined;
  /** Hosts that are reached without a proxy; see {@link bypasses}. */
  readonly noProxy?: string | undefined;
};

/** A proxy; `name` is its origin, without the user and password that it may need. */
export type Proxy = { readonly url: URL; readonly name: string; readonly authorization: string | undefined };

type Proxies = {
  readonly http?: Proxy | undefined;
  readonly https?: Proxy | undefined;
  readonly bypass: string;
};

/** Of this process. Certificates are global in Node too; so no request can miss either. */
let proxies: Proxies = { bypass: '' };

/** Applies the settings to the whole process. @throws TypeError an invalid certificate or proxy, without its password */
export function useEgress(settings: EgressSettings): void {
  const certificates = settings.caBundle ? certificatesOf(settings.caBundle) : [];
  const bypass = settings.noProxy ?? '';
  proxies = { http: parseProxy(settings.httpProxy), https: parseProxy(settings.httpsProxy), bypass };
  if (certificates.length > 0) {
    setDefaultCACertificates([...getCACertificates('default'), ...certificates]);
  }
}

/** The certificates of a bundle, each in PEM. @throws TypeError there is none, or one cannot be parsed */
export function certificatesOf(bundle: string): string[] {
  const found = bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (found.length === 0) throw new TypeError('the CA bundle holds no certificate in PEM');
  for (const [index, pem] of found.entries()) {
    try {
      new X509Certificate(pem);
    } catch (error) {
      throw new TypeError(`certificate ${index + 1} of the CA bundle is invalid: ${describe(error)}`);
    }
  }
  return found;
}

/** A proxy as the variables name it; `host:port` is http. @throws TypeError, without the text */
export function parseProxy(text: string | undefined): Proxy | undefined {
  if (!text) return undefined;
  const address = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.hostname === '') {
    throw new TypeError(
      'a proxy must be http://HOST:PORT or https://HOST:PORT, with USER:PASSWORD@ before the host if needed',
    );
  }
  const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const authorization = url.username === '' ? undefined : `Basic ${Buffer.from(login).toString('base64')}`;
  return { url, name: url.origin, authorization };
}

/** The proxy for requests to `url`, if there is one. */
export function proxyFor(url: URL): Proxy | undefined {
  const proxy = url.protocol === 'https:' ? proxies.https : proxies.http;
  return proxy === undefined || bypasses(proxies.bypass, url) ? undefined : proxy;
}

/**
 * Whether a NO_PROXY list names the host of `url`: with a name and everything below it (`example.org`,
 * `.example.org`, `*.example.org`), an address, a network (`10.0.0.0/8`) or `*`; a port limits an entry to it.
 * Names are not resolved.
 */
export function bypasses(list: string, url: URL): boolean {
  const host = plainHost(url.hostname);
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => entry !== '' && names(entry, host, port));
}

function names(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  const [, network = '', prefix = ''] = /^\[?([\da-f.:]+)\]?\/(\d{1,3})$/.exec(entry) ?? [];
  if (network !== '') return isWithin(host, network, Number(prefix));
  const { name, onlyPort = port } = nameAndPort(entry);
  const plain = plainHost(name).replace(/^\*?\./, '');
  const isNamed = host === plain || (isIP(host) === 0 && host.endsWith(`.${plain}`));
  return isNamed && onlyPort === port;
}

/** An IPv6 address without brackets has no port. */
function nameAndPort(entry: string): { name: string; onlyPort?: string | undefined } {
  const [, name, onlyPort] = (isIP(entry) === 6 ? null : /^(.*?):(\d+)$/.exec(entry)) ?? [];
  return { name: name ?? entry, onlyPort };
}

function isWithin(host: string, network: string, prefix: number): boolean {
  const [family, ofNetwork] = [isIP(host), isIP(network)];
  if (family === 0 || family !== ofNetwork || prefix > (family === 4 ? 32 : 128)) return false;
  const kind = family === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(network, prefix, kind);
  return list.check(host, kind);
}

/** Without the brackets of an IPv6 address and a final dot. */
function plainHost(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/(?<!\.)\.$/, '');
}

/** The proxy, not the server behind it, is the reason of a failure. A retry may cure it unless `isFinal`. */
export class ProxyFailure extends Error {
  override readonly name = 'ProxyFailure';
  readonly isFinal: boolean;

  constructor(message: string, { isFinal, cause }: { isFinal: boolean; cause?: unknown }) {
    super(message, { cause });
    this.isFinal = isFinal;
  }
}

/** The failure for a response of the proxy itself; undefined for one that a server can also have sent. */
export function proxyRefusal(proxy: Proxy, status: number): ProxyFailure | undefined {
  if (status !== 407) return undefined;
  const why =
    proxy.authorization === undefined ? 'requires a user and password' : 'rejects its user and password';
  return new ProxyFailure(`the proxy ${proxy.name} ${why} (407)`, { isFinal: true });
}

/** Headers for the proxy itself, of a request that it forwards or of a CONNECT. */
export function proxyHeaders({ authorization }: Proxy): Record<string, string> {
  return authorization === undefined ? {} : { 'Proxy-Authorization': authorization };
}

/**
 * A connection through the proxy to the server of `url`, on which TLS can start.
 * @throws ProxyFailure, also when the signal aborts
 */
export function openTunnel(proxy: Proxy, url: URL, signal: AbortSignal): Promise<Socket> {
  const target = `${url.hostname}:${url.port || (url.protocol === 'https:' ? 443 : 80)}`;
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const send = proxy.url.protocol === 'https:' ? requestHttps : requestHttp;
  const { hostname, port } = proxy.url;
  const headers = { Host: target, ...proxyHeaders(proxy) };
  const request = send({
    method: 'CONNECT',
    ...{ hostname: plainHost(hostname), port: port || (proxy.url.protocol === 'https:' ? 443 : 80) },
    ...{ path: target, headers, agent: false, signal },
  });
  const answered = (status: number, socket: Socket): void => {
    if (status >= 200 && status < 300) return resolve(socket);
    socket.destroy();
    reject(proxyRefusal(proxy, status) ?? refusedTunnel(proxy, target, status));
  };
  request.once('connect', (response, socket) => answered(response.statusCode ?? 0, socket));
  request.once('response', (response) => answered(response.statusCode ?? 0, response.socket));
  request.on('error', (error) =>
    reject(
      new ProxyFailure(`the proxy ${proxy.name} does not answer: ${describe(error)}`, {
        isFinal: false,
        cause: error,
      }),
    ),
  );
  request.end();
  return promise;
}

function refusedTunnel({ name }: Proxy, target: string, status: number): ProxyFailure {
  const mayPass = status >= 500 || status === 408 || status === 429;
  const what = mayPass ? 'cannot reach' : 'refuses connections to';
  return new ProxyFailure(`the proxy ${name} ${what} ${target} (it returned ${status})`, {
    isFinal: !mayPass,
  });
}

/** In milliseconds, for a connection whose request has no signal here. */
const tunnelMs = 30_000;

/** Connects to https servers through a proxy. */
class TunnelAgent extends HttpsAgent {
  readonly #proxy: Proxy;

  constructor(proxy: Proxy) {
    super({ keepAlive: true });
    this.#proxy = proxy;
  }

  override createConnection(
    options: AgentOptions & ConnectionOptions,
    done?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const host = options.host ?? '';
    const url = new URL(`https://${isIP(host) === 6 ? `[${host}]` : host}:${options.port ?? 443}`);
    const secured = (socket: Socket) => connectSecurely({ ...options, socket });
    openTunnel(this.#proxy, url, deadline(tunnelMs)).then(
      (socket) => done?.(null, secured(socket)),
      (error: unknown) => done?.(error as Error, undefined as unknown as Duplex),
    );
  }
}

const tunnelAgents = new Map<string, TunnelAgent>();

/** The agent for https requests through this proxy. */
export function tunnelAgent(proxy: Proxy): HttpsAgent {
  const agent = tunnelAgents.get(proxy.url.href) ?? new TunnelAgent(proxy);
  tunnelAgents.set(proxy.url.href, agent);
  return agent;
}

const inspectMs = 5_000;

/**
 * What is wrong with the chain of certificates that an https server presents, for a message: who issued it, and
 * until when it is valid. No request is sent on the connection. Empty if the server cannot be asked.
 */
export async function describeIssuer(url: URL): Promise<string> {
  const signal = deadline(inspectMs);
  const host = plainHost(url.hostname);
  try {
    const proxy = proxyFor(url);
    const tunnel = proxy && (await openTunnel(proxy, url, signal));
    const to = tunnel === undefined ? { host, port: Number(url.port) || 443 } : { socket: tunnel };
    const name = isIP(host) === 0 ? { servername: host } : {};
    const socket = connectSecurely({ ...to, ...name, rejectUnauthorized: false });
    const { promise, resolve, reject } = Promise.withResolvers<DetailedPeerCertificate>();
    socket.once('secureConnect', () => resolve(socket.getPeerCertificate(true)));
    socket.once('error', reject);
    signal.addEventListener('abort', () => reject(new Error('too slow')), { once: true });
    return issuerText(await promise.finally(() => socket.destroy()));
  } catch {
    return '';
  }
}

function issuerText(leaf: DetailedPeerCertificate): string {
  let top = leaf;
  for (let depth = 0; depth < 10 && (top.issuerCertificate ?? top) !== top; depth += 1)
    top = top.issuerCertificate;
  const issuer = Object.entries(top.issuer ?? {}).map(([key, value]) => `${key}=${String(value)}`);
  const text = issuer
    .join(', ')
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 300);
  return text === '' ? '' : `issued by ${text}, valid until ${leaf.valid_to}`;
}
