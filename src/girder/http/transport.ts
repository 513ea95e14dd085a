import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Readable } from 'node:stream';
import axios, { type AxiosRequestConfig, type AxiosResponse } from 'axios';
import { defined } from '../../api/json-values.ts';
import { describe, errorCode } from '../../support/errors.ts';
import { userAgent } from '../../support/version.ts';
import { StalledError } from '../../support/watchdog.ts';
import { TransientFailure, UntrustedServer } from '../retry.ts';
import { type ByteBody, readableBody } from './byte-body.ts';
import { isRedirect, lookupElsewhere, maxRedirects, nextHop, RedirectRefused } from './redirect.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/**
 * One request on the wire. The signal ends the wait for the answer's head; afterwards its body is the reader's. What
 * goes elsewhere than to the API, because a redirect says so, is refused when that turns out to be the node itself.
 */
export type Exchange = {
  readonly method: Method;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly isElsewhere?: boolean;
};

/** Any answer, whatever its status; `body` must be pumped to its end or destroyed. */
export type Answer = {
  readonly status: number;
  readonly body: ByteBody;
  header(name: string): string | undefined;
};

/** Sends a request and gives its answer: no redirect, no retry, no interpretation. */
export type Exchanger = (request: Exchange) => Promise<Answer>;

/**
 * One request and its answer: no redirect, no retry, no interpretation. Every failure is a TransientFailure made
 * of text only, a RedirectRefused, or the signal's own reason; what axios throws carries the token and never leaves this file.
 */
export async function exchange(request: Exchange, body?: string): Promise<Answer> {
  try {
    return toAnswer(await axios.request<Readable>({ ...fixedConfig, ...wireConfig(request, body) }));
  } catch (error) {
    throw wireError(error, request.signal);
  }
}

/** OpenSSL's and Node's codes for a certificate that does not check out. */
const untrusted = /^(ERR_TLS_CERT|CERT_|SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED|UNABLE_TO_(GET|VERIFY))/;

/** What an exchange throws for `error`: the signal's own reason if that is the cause, and else text only. */
export function wireError(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) {
    const reason: unknown = signal.reason;
    return reason instanceof StalledError ? new TransientFailure(reason.message) : reason;
  }
  const refusal = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (refusal instanceof RedirectRefused) return refusal;
  const text = describe(error);
  return untrusted.test(errorCode(error) ?? '') ? new UntrustedServer(text) : new TransientFailure(text);
}

/** What every request says, besides its own headers. */
export const commonHeaders = { Accept: '*/*', 'Accept-Encoding': 'identity', 'User-Agent': userAgent };

const fixedConfig = {
  // Redirects by hand: axios would send the token to other origins, and buffer every upload for a replay.
  maxRedirects: 0,
  // A proxy variable that a cluster injects into pods seldom knows Girder's address; the token must not take a
  // detour that nobody asked for. So the environment's proxies are not used.
  proxy: false,
  responseType: 'stream',
  decompress: false,
  // -1 is "no limit"; Infinity would put a counting copy into the path of every byte.
  maxContentLength: -1,
  maxBodyLength: -1,
  // axios' own timeout also counts while we are the slow side; watchdogs replace it.
  timeout: 0,
  validateStatus: () => true,
  transformRequest: [(data: unknown) => data],
} satisfies AxiosRequestConfig;

/** Connections of their own, so that none is used that was made without the check. */
const elsewhere = {
  httpAgent: new HttpAgent({ lookup: lookupElsewhere }),
  httpsAgent: new HttpsAgent({ lookup: lookupElsewhere }),
};

function wireConfig({ method, url, headers, signal, isElsewhere }: Exchange, body: string | undefined) {
  return {
    method,
    url: url.href,
    headers: { ...commonHeaders, ...headers },
    ...defined({ data: body }),
    ...(isElsewhere === true ? elsewhere : {}),
    signal,
  };
}

function toAnswer(response: AxiosResponse<Readable>): Answer {
  return {
    status: response.status,
    body: readableBody(response.data),
    header: (name) => {
      const value: unknown = response.headers[name.toLowerCase()];
      return typeof value === 'string' ? value : undefined;
    },
  };
}

/** An answer and the origin it came from, which is another one than the API's for files in an object store. */
export type FollowedAnswer = { readonly answer: Answer; readonly origin: string };

/**
 * Sends a request with Girder's token by means of `exchange`, and follows the redirects of a GET, the token only to
 * the origin of `api`.
 */
export async function follow(
  request: Exchange,
  { api, token, exchange }: { api: URL; token: string | undefined; exchange: Exchanger },
): Promise<FollowedAnswer> {
  let url = request.url;
  let [withToken, isElsewhere] = [token !== undefined, false];
  for (let redirects = 0; ; redirects += 1) {
    const headers = withToken && token !== undefined ? { 'Girder-Token': token } : {};
    const answer = await exchange({
      ...request,
      url,
      isElsewhere,
      headers: { ...request.headers, ...headers },
    });
    if (!isRedirect(answer.status)) return { answer, origin: url.origin };
    answer.body.destroy();
    if (redirects === maxRedirects) throw new RedirectRefused(`more than ${maxRedirects} times in a row`);
    const hop = nextHop(url, answer.header('location'), api);
    if (request.method !== 'GET') throw new RedirectRefused(`to ${hop.url.origin}; use its final address`);
    // A redirect back home gets its token again: what counts is where the request goes.
    ({ url, withToken, isElsewhere } = hop);
  }
}
