import { apiUrlProblem } from '../api/fields.ts';
import { RunError } from '../support/errors.ts';
import type { Watchdog } from '../support/watchdog.ts';
import type { ByteSource } from './http/byte-body.ts';
import type { Method } from './http/transport.ts';

/** A parameter that is undefined is left out. */
export type Parameters = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * The API root without a final slash.
 * @throws RunError InvalidSpec, without a password that the text may hold
 */
export function parseApiUrl(text: string): URL {
  const problem = apiUrlProblem(text);
  if (problem !== undefined) throw new RunError('InvalidSpec', `girder.apiUrl ${problem}`);
  const url = new URL(text);
  url.pathname = url.pathname.replace(/(?<!\/)\/+$/, '');
  return url;
}

/** The URL of a route below the API root; an id that could lead to another route is refused. */
export function routeUrl(api: URL, route: readonly string[], query: Parameters = {}): URL {
  const invalid = route.find((part) => !/^[\w-]+$/.test(part));
  if (invalid !== undefined)
    throw new RunError('GirderNotFound', `${JSON.stringify(invalid)} is not an id of Girder`);
  const url = new URL(`${api.href.replace(/\/$/, '')}/${route.join('/')}`);
  url.search = encodeParameters(query);
  return url;
}

/** A query or an urlencoded form: Girder reads parameters from either. */
export function encodeParameters(parameters: Parameters): string {
  const pairs = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as const],
  );
  return new URLSearchParams(Object.fromEntries(pairs)).toString();
}

/** `subject` is what the request is about, as messages name it: "file 5f0c…". */
export type GirderRequest = {
  readonly method: Method;
  readonly route: readonly string[];
  readonly query?: Parameters;
  readonly subject: string;
  readonly signal: AbortSignal;
};

/** A request whose response is a document; the body, if any, is a form, or the bytes of a small file. */
export type DocumentRequest<T> = GirderRequest & {
  readonly form?: Parameters;
  readonly file?: Buffer | undefined;
  readonly parse: (value: unknown) => T;
};

/** A request whose body is a stream of exactly `length` bytes; the watchdog guards it from start to end. */
export type SendRequest<T> = GirderRequest & {
  readonly body: ByteSource;
  readonly length: number;
  readonly watchdog: Watchdog;
  readonly parse: (value: unknown) => T;
};

/** A request whose response is a long stream, which is read through `buffer`. */
export type OpenRequest = GirderRequest & {
  readonly headers?: Readonly<Record<string, string>>;
  readonly buffer: Buffer;
};
