import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Readable } from 'node:stream';
import axios, { type AxiosRequestConfig, type AxiosResponse } from 'axios';
import { defined } from '../../api/json-values.ts';
import {
  type Proxy,
  ProxyFailure,
  proxyFor,
  proxyHeaders,
  proxyRefusal,
  tunnelAgent,
} from '../../support/egress.ts';
import { describe, errorCode } from '../../support/errors.ts';
import { userAgent } from '../../support/version.ts';
import { StalledError } from '../../support/watchdog.ts';
import { briefMs, NoResponse, RefusedByProxy, TransientFailure, UntrustedServer } from '../retry.ts';
import { type ByteBody, readableBody } from './byte-body.ts';
import { MalformedResponse } from './http1.ts';
import { isRedirect, lookupOtherHost, maxRedirects, nextHop, RedirectRefused } from './redirect.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/**
 * One request on the wire. `signal` aborts the wait for the head of the response; after that its reader owns
 * the body. `isOtherHost` marks a redirect to another host than the API's, which fails if that is the node
 * itself.
 */
export type Exchange = {
  readonly method: Method;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly isOtherHost?: boolean;
};

/** A response with any status; `body` must be pumped to its end or destroyed. */
export type HttpResponse = {
  readonly status: number;
  readonly body: ByteBody;
  header(name: string): string | undefined;
};

/** Sends one request and returns its response: it neither follows redirects nor retries. */
export type Exchanger = (request: Exchange) => Promise<HttpResponse>;

/** How a request is sent, with the headers of its body. */
export type Wire = {
  readonly headers?: Readonly<Record<string, string>>;
  readonly exchange: Exchanger;
  /** The body cannot be sent a second time. */
  readonly isOnce?: boolean;
  /** The response is the bytes of a file, which may be in a store of another origin. */
  readonly isDownload?: boolean;
};

/** A request with a form that is encoded already, or without a body. */
export function formWire(form: string | undefined): Wire {
  if (form === undefined) return { exchange };
  return {
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    exchange: (request) => exchange(request, form),
  };
}

/** A request with the bytes of a small file. */
export function bytesWire(bytes: Buffer): Wire {
  const headers = { 'Content-Type': 'application/octet-stream', 'Content-Length': String(bytes.length) };
  return { headers, exchange: (request) => exchange(request, bytes) };
}

/** `url` is where the response came from: of another origin than the API's for a file in an object store. */
export type FollowedResponse = {
  readonly response: HttpResponse;
  readonly url: URL;
  readonly isRedirected: boolean;
};

type FollowOptions = {
  readonly api: URL;
  readonly token: string | undefined;
  readonly exchange: Exchanger;
  /** Origins to which redirects may lead although they are not encrypted or local to the node. */
  readonly redirects?: readonly string[] | undefined;
  /** A document comes from the API itself: elsewhere is a login page, or the address to use. */
  readonly isDocument?: boolean | undefined;
};

/**
 * Sends a request with Girder's token and follows the redirects of a GET. The token is sent only to the
 * origin of `api`.
 */
export async function follow(
  request: Exchange,
  { api, token, exchange, redirects: allowed = [], isDocument = false }: FollowOptions,
): Promise<FollowedResponse> {
  let url = request.url;
  let [withToken, isOtherHost] = [token !== undefined, false];
  for (let redirects = 0; ; redirects += 1) {
    const headers = withToken && token !== undefined ? { 'Girder-Token': token } : {};
    const hop = { ...request, url, isOtherHost, headers: { ...request.headers, ...headers } };
    const response = await exchange(hop).catch((error: unknown) => {
      throw url.origin === api.origin ? error : failureThere(error, url);
    });
    if (!isRedirect(response.status)) return { response, url, isRedirected: redirects > 0 };
    response.body.destroy();
    if (redirects === maxRedirects) throw new RedirectRefused(`more than ${maxRedirects} times in a row`);
    const next = nextHop(url, response.header('location'), api, allowed);
    if (request.method !== 'GET' || (isDocument && next.url.origin !== api.origin)) {
      // Without the query, which may hold secrets.
      const to = `${next.url.origin}${next.url.pathname}`.slice(0, 300);
      throw new RedirectRefused(`to ${to}; use its final address, or let the API pass without a login there`);
    }
    // A redirect back to the API gets the token again: only the destination counts.
    ({ url, withToken, isOtherHost } = next);
  }
}

/** Names the server to which Girder redirects: without it, what waits for its store seems to wait for Girder. */
function failureThere(error: unknown, { origin }: URL): unknown {
  if (!(error instanceof TransientFailure)) return error;
  const { message, retryAfter, ending } = error;
  const Failure = error instanceof NoResponse ? NoResponse : TransientFailure;
  return new Failure(`${origin}, to which it redirects, failed: ${message}`, retryAfter, ending);
}

/**
 * The Exchanger for short bodies. Every failure is a TransientFailure made of text only, a RedirectRefused,
 * or the reason of the signal: an error of axios holds the token and never leaves this file.
 */
export async function exchange(request: Exchange, body?: string | Buffer): Promise<HttpResponse> {
  try {
    const proxy = proxyFor(request.url);
    const way = proxy === undefined ? directWay(request) : proxiedWay(request, proxy);
    const wire = wireConfig(request, body);
    const config = { ...fixedConfig, ...wire, ...way, headers: { ...wire.headers, ...way.headers } };
    return checkProxy(request, toResponse(await axios.request<Readable>(config)));
  } catch (error) {
    throw wireError(error, request);
  }
}

/** Codes of OpenSSL and Node for a certificate that fails verification. */
const untrusted = /^(ERR_TLS_CERT|CERT_|SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED|UNABLE_TO_(GET|VERIFY))/;

/**
 * What an exchange throws for `error`: the reason of the signal if it caused the error, else only its text.
 */
export function wireError(error: unknown, { signal, url }: Pick<Exchange, 'signal' | 'url'>): unknown {
  if (signal.aborted) {
    const reason: unknown = signal.reason;
    return reason instanceof StalledError ? new NoResponse(reason.message) : reason;
  }
  const refusal = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (refusal instanceof RedirectRefused) return refusal;
  if (refusal instanceof ProxyFailure && refusal.isFinal) return new RefusedByProxy(refusal.message);
  const proxy = refusal instanceof ProxyFailure ? undefined : proxyFor(url);
  return failureOf(error, proxy === undefined ? '' : ` (through the proxy ${proxy.name})`, url);
}

function failureOf(error: unknown, where: string, url: URL): Error {
  const code = error instanceof MalformedResponse ? 'HPE_MALFORMED' : (errorCode(error) ?? '');
  const text = `${describe(error)}${where}`;
  if (untrusted.test(code)) return new UntrustedServer(text, url, code);
  const known = connectionFailures.find(
    (one) => one.codes.test(code) && url.protocol.startsWith(one.protocol),
  );
  if (known === undefined) return new TransientFailure(text);
  return new TransientFailure(`${text}; ${known.advice(url)}`, undefined, { afterMs: known.afterMs });
}

/**
 * Failures of a connection that another address cures, and how long they are retried, in milliseconds; all others
 * may pass: a refused or reset connection, a name server that does not answer.
 */
const connectionFailures = [
  {
    // A name that no server knows is mistyped; only a Service that is being made gets it later.
    codes: /^ENOTFOUND$/,
    protocol: 'http',
    afterMs: 8_000,
    advice: ({ hostname }: URL) => `no name server knows ${hostname}, so check the address`,
  },
  {
    codes: /^(EPROTO|ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG|ERR_SSL_HTTP_REQUEST)$/,
    protocol: 'https:',
    afterMs: briefMs,
    advice: ({ host }: URL) => `${host} does not speak TLS as it should; it may need http:// or another port`,
  },
  {
    codes: /^ERR_SSL_/,
    protocol: 'https:',
    afterMs: briefMs,
    advice: ({ host }: URL) =>
      `${host} and the worker have no TLS in common, or it requires a client's certificate`,
  },
  {
    codes: /^HPE_/,
    protocol: 'http',
    afterMs: briefMs,
    advice: ({ host, protocol }: URL) =>
      `${host} does not speak HTTP/1.1${protocol === 'http:' ? '; it may need https:// or another port' : ''}`,
  },
] as const;

/** Takes a refusal of the proxy for what it is. @throws ProxyFailure */
export function checkProxy(request: Exchange, response: HttpResponse): HttpResponse {
  const proxy = request.url.protocol === 'http:' ? proxyFor(request.url) : undefined;
  const refusal = proxy && proxyRefusal(proxy, response.status);
  if (refusal === undefined) return response;
  response.body.destroy();
  throw refusal;
}

export const commonHeaders = { Accept: '*/*', 'Accept-Encoding': 'identity', 'User-Agent': userAgent };

const fixedConfig = {
  // `follow` does it: axios would send the token to other origins, and buffer every upload for a replay.
  maxRedirects: 0,
  // Ignores the proxy variables that a cluster injects into pods, which can rarely reach Girder: only the
  // proxies of the settings count (see egress.ts).
  proxy: false,
  responseType: 'stream',
  decompress: false,
  // -1 is "no limit"; with Infinity every byte would pass through a counting copy.
  maxContentLength: -1,
  maxBodyLength: -1,
  // Watchdogs replace axios' timeout, which also counts while our side is the slow one.
  timeout: 0,
  validateStatus: () => true,
  transformRequest: [(data: unknown) => data],
} satisfies AxiosRequestConfig;

/** Separate agents, so that no connection is reused that was opened without the check of its address. */
const otherHostAgents = {
  httpAgent: new HttpAgent({ lookup: lookupOtherHost }),
  httpsAgent: new HttpsAgent({ lookup: lookupOtherHost }),
};

function directWay({ isOtherHost }: Exchange): AxiosRequestConfig {
  return isOtherHost === true ? otherHostAgents : {};
}

/** The proxy resolves the name of the server, so its addresses cannot be checked here: they are not the node's. */
function proxiedWay({ url }: Exchange, proxy: Proxy): AxiosRequestConfig {
  if (url.protocol === 'https:') return { httpsAgent: tunnelAgent(proxy) };
  const { protocol, hostname, port } = proxy.url;
  return {
    proxy: {
      protocol: protocol.slice(0, -1),
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(port) || (protocol === 'https:' ? 443 : 80),
    },
    headers: proxyHeaders(proxy),
  };
}

function wireConfig({ method, url, headers, signal }: Exchange, body: string | Buffer | undefined) {
  return {
    method,
    url: url.href,
    headers: { ...commonHeaders, ...headers },
    ...defined({ data: body }),
    signal,
  };
}

function toResponse(response: AxiosResponse<Readable>): HttpResponse {
  return {
    status: response.status,
    body: readableBody(response.data),
    header: (name) => {
      const value: unknown = response.headers[name.toLowerCase()];
      return typeof value === 'string' ? value : undefined;
    },
  };
}
