import type { Readable } from 'node:stream';
import axios, { type AxiosRequestConfig, type AxiosResponse } from 'axios';
import { describe, errorCode } from '../support/errors.ts';
import { StalledError } from '../support/watchdog.ts';
import { TransientFailure, UntrustedServer } from './failure.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** One request on the wire. The signal ends the wait for the answer's head; afterwards its body is the reader's. */
export type Exchange = {
  readonly method: Method;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Readable | string;
  readonly signal: AbortSignal;
};

/** Any answer, whatever its status; `body` must be read to its end or destroyed. */
export type Answer = {
  readonly status: number;
  readonly body: Readable;
  header(name: string): string | undefined;
};

/**
 * One request and its answer: no redirect, no retry, no interpretation. Every failure is a TransientFailure made
 * of text only, or the signal's own reason; what axios throws carries the token and never leaves this file.
 */
export async function exchange(request: Exchange): Promise<Answer> {
  try {
    return toAnswer(await axios.request<Readable>({ ...fixedConfig, ...wireConfig(request) }));
  } catch (error) {
    throw cleaned(error, request.signal);
  }
}

/** OpenSSL's and Node's codes for a certificate that does not check out. */
const untrusted = /^(ERR_TLS_CERT|CERT_|SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED|UNABLE_TO_(GET|VERIFY))/;

function cleaned(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) {
    const reason: unknown = signal.reason;
    return reason instanceof StalledError ? new TransientFailure(reason.message) : reason;
  }
  const text = describe(error);
  return untrusted.test(errorCode(error) ?? '') ? new UntrustedServer(text) : new TransientFailure(text);
}

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

function wireConfig({ method, url, headers, body, signal }: Exchange) {
  return {
    method,
    url: url.href,
    headers: { Accept: '*/*', 'Accept-Encoding': 'identity', 'User-Agent': 'dockerrun', ...headers },
    ...(body === undefined ? {} : { data: body }),
    signal,
  };
}

function toAnswer(response: AxiosResponse<Readable>): Answer {
  // A connection that dies between the head and the first read must not become an uncaught exception.
  response.data.on('error', () => undefined);
  return {
    status: response.status,
    body: response.data,
    header: (name) => {
      const value: unknown = response.headers[name.toLowerCase()];
      return typeof value === 'string' ? value : undefined;
    },
  };
}
