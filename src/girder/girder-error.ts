import { isRecord, parseJson, textOf } from '../api/json-values.ts';
import type { FailureReason } from '../api/reasons.ts';
import { RunError } from '../support/errors.ts';
import { describeIssuer } from '../support/egress.ts';
import { UnexpectedResponse } from './documents.ts';
import { RedirectRefused } from './http/redirect.ts';
import type { FollowedResponse, HttpResponse, Method } from './http/transport.ts';
import { doubtfulMs, parseRetryAfter, RefusedByProxy, TransientFailure, UntrustedServer } from './retry.ts';

/**
 * The request that was refused: `subject` is like "file 5f0c…", `api` is the URL of the API. `isKnown`: Girder has
 * answered there before, so that an answer of another server may pass. `isOfData`: about files and not about the
 * session. `isDocument`: not the bytes of a file. `atRisk`: what the run would lose.
 */
export type Context = {
  readonly method: Method;
  readonly subject: string;
  readonly api: string;
  readonly isKnown?: boolean;
  readonly isOfData?: boolean;
  readonly isDocument?: boolean;
  readonly atRisk?: keyof typeof doubtfulMs;
};

/** Girder's errors are `{message, type}`; without a `type`, the response is not Girder's. */
export type GirderRefusal = {
  readonly status: number;
  readonly message: string;
  readonly type: string | undefined;
  readonly retryAfter?: string | undefined;
  /** What another server sent in place of Girder's error, for a message. */
  readonly page?: string | undefined;
};

/** Parses the body of an error; an HTML page from a wrong address or a proxy has no `type`. */
export function parseRefusal(status: number, text: string, retryAfter?: string): GirderRefusal {
  const body = parseJson(text);
  if (isRecord(body) && 'message' in body && 'type' in body) {
    const { message, type } = body;
    // `String` would call methods that a value itself may have, and recurse as deep as it is nested.
    return {
      status,
      message: oneLine(textOf(message) ?? ''),
      type: (textOf(type) ?? '').slice(0, 100),
      retryAfter,
    };
  }
  return { status, message: '', type: undefined, retryAfter, page: describePage(text) };
}

const searchedCharacters = 20_000;

/** What a body is that is not Girder's: its title shows who sent it. */
function describePage(text: string): string {
  const start = text.slice(0, searchedCharacters);
  if (start.trim() === '') return 'an empty body';
  const code = /<Code>(\w{1,60})<\/Code>/.exec(start)?.[1];
  if (code !== undefined) return `the error ${code}`;
  if (!/^\s*<(!doctype|html|head|body|meta|title|h\d|p|center|script|!--)\b/i.test(start)) {
    return /^\s*[[{]/.test(start) ? 'JSON of another kind' : 'a text';
  }
  const title = /<(title|h1|h2)[^>]*>([^<]{1,300})/i.exec(start)?.[2] ?? '';
  const plain = oneLine(title.replace(/[^\x20-\x7e\u00a0-\uffff]/g, ' ')).slice(0, 80);
  return plain === '' ? 'an HTML page' : `an HTML page "${plain}"`;
}

/** What is wrong with the length of a chunk: see {@link ChunkRefused}. */
type LengthProblem = 'tooLarge' | 'tooSmall' | 'notWhole';

/**
 * The length of a chunk is refused: `tooLarge` by a server in front of Girder, `tooSmall` by Girder's minimum,
 * `notWhole` by an assetstore that takes the file only in one request. Another length may be accepted.
 */
export class ChunkRefused extends RunError {
  readonly problem: LengthProblem;

  constructor(problem: LengthProblem, message: string) {
    super('GirderRefused', message);
    this.problem = problem;
  }
}

/** Girder's own words, which have no code. */
const lengthProblems: readonly (readonly [RegExp, LengthProblem])[] = [
  [/chunk is smaller than the minimum/i, 'tooSmall'],
  [/must be sent in a single chunk/i, 'notWhole'],
];

type Answer = GirderRefusal & Context;

/** `retried`: as long as the client has patience, for a time that waiting may cure it in, or not at all. */
type Meaning = {
  readonly when: (answer: Answer) => boolean;
  readonly reason: FailureReason;
  readonly text: (answer: Answer) => string;
  readonly retried?: 'patiently' | 'doubtfully';
};

const isOthers = ({ type }: Answer) => type === undefined;
const isPassing = (status: number) =>
  [408, 425, 429].includes(status) || (status >= 500 && status !== 501 && status !== 505);
const quoted = ({ message }: Answer) => (message === '' ? '' : ` "${message}"`);
const sent = ({ page }: Answer) => (page === undefined ? '' : `: it sent ${page}`);
const accessOf = ({ method }: Pick<Context, 'method'>) => (method === 'GET' ? 'read' : 'write');

/** What the statuses from 400 on mean, of Girder and of servers in front of it or in its place; the first match counts. */
const meanings: readonly Meaning[] = [
  {
    // Girder itself works, and fails at this request: a file is gone from its assetstore, or a disk is full.
    when: ({ status, type, isOfData }) => status === 500 && type !== undefined && isOfData === true,
    reason: 'GirderUnavailable',
    text: (answer) =>
      `Girder ${answer.api} fails at ${answer.subject} (500)${quoted(answer)}; its assetstore, a plugin or the file there is at fault, so ask its administrator`,
    retried: 'doubtfully',
  },
  {
    when: (answer) => isPassing(answer.status) && isOthers(answer) && answer.status >= 500,
    reason: 'GirderUnavailable',
    text: ({ status, page }) => `a server in front of it returned ${status}, with ${page ?? 'an empty body'}`,
    retried: 'patiently',
  },
  {
    when: ({ status }) => isPassing(status),
    reason: 'GirderUnavailable',
    text: (answer) => `it returned ${answer.status}${quoted(answer)}`,
    retried: 'patiently',
  },
  {
    when: (answer) => answer.status === 401 && isOthers(answer),
    reason: 'GirderUnavailable',
    text: (answer) =>
      `a server in front of Girder ${answer.api} requires a login of its own (401)${sent(answer)}; let the API pass without it`,
  },
  {
    when: ({ status }) => status === 401,
    reason: 'GirderUnauthorized',
    text: ({ api, subject }) => `Girder ${api} rejected the credentials of the run for ${subject}`,
  },
  {
    when: (answer) => answer.status === 403 && isOthers(answer),
    reason: 'GirderUnavailable',
    text: (answer) =>
      `a server in front of Girder ${answer.api}, or in its place, forbids the request for ${answer.subject} (403)${sent(answer)}`,
  },
  {
    when: (answer) => answer.status === 407 && isOthers(answer),
    reason: 'GirderUnavailable',
    text: ({ api }) =>
      `a proxy on the way to Girder ${api} requires a user and password (407); set worker.proxy of the chart`,
  },
  {
    when: isOthers,
    reason: 'GirderUnavailable',
    text: (answer) =>
      `the server at ${answer.api} returned ${answer.status}, and it is not a Girder API${sent(answer)}; ${urlAdvice(answer.api)}`,
  },
  {
    when: ({ status }) => status === 403,
    reason: 'GirderForbidden',
    text: (answer) =>
      `the credentials of the run have no ${accessOf(answer)} access to ${answer.subject} in Girder ${answer.api}`,
  },
  {
    // An unknown id is 400 'rest', a malformed one 400 'validation'; a GET cannot be invalid in another way.
    when: ({ status, method }) => status === 404 || (method === 'GET' && status === 400),
    reason: 'GirderNotFound',
    text: ({ subject, api }) => `there is no ${subject} in Girder ${api}`,
  },
];

const unknown: Meaning = {
  when: () => true,
  reason: 'GirderRefused',
  text: ({ api, subject, message }) => `Girder ${api} refused ${subject}: ${message}`,
};

function urlAdvice(api: string): string {
  return /\/api\/v1$/.test(api)
    ? 'check the host and the path of girder.apiUrl'
    : 'girder.apiUrl usually ends with /api/v1';
}

/**
 * The error for a response with a status of 400 or more: only here is it decided what Girder's errors mean.
 */
export function classify(refusal: GirderRefusal, context: Context): RunError | TransientFailure {
  const { status, message } = refusal;
  const answer = { ...context, ...refusal };
  if (status === 413) {
    const text = `a server in front of Girder ${context.api} refuses the length of ${context.subject} (413)`;
    return new ChunkRefused('tooLarge', text);
  }
  const meaning = meanings.find(({ when }) => when(answer)) ?? unknown;
  const { reason, retried = isOthers(answer) && context.isKnown === true ? 'doubtfully' : 'never' } = meaning;
  const text = meaning.text(answer);
  const wait = parseRetryAfter(refusal.retryAfter, Date.now()) ?? 0;
  const asked = wait > noticedMs ? ` and asks to wait ${Math.round(wait / 1000)} s` : '';
  if (retried === 'patiently') return new TransientFailure(`${text}${asked}`, wait);
  if (retried === 'doubtfully') return doubtful(new RunError(reason, text), context, wait);
  const problem = lengthProblems.find(([words]) => reason === 'GirderRefused' && words.test(message))?.[1];
  return problem === undefined ? new RunError(reason, text) : new ChunkRefused(problem, text);
}

/** In milliseconds: a shorter wait needs no explanation. */
const noticedMs = 10_000;

/** A failure that may pass, but hardly will. */
function doubtful(
  error: RunError,
  { atRisk = 'start' }: Pick<Context, 'atRisk'>,
  wait?: number,
): TransientFailure {
  return new TransientFailure(error.message, wait, { afterMs: doubtfulMs[atRisk], error });
}

/**
 * The failure for a status of 400 or more of a server to which Girder redirects a download: an object store, or
 * the server of a link file. Its signed addresses expire, and Girder creates a new one for the next request.
 */
export function classifyStore(
  { status, page, retryAfter }: GirderRefusal,
  origin: string,
  { subject, api, ...context }: Context,
): TransientFailure {
  const what = `${origin}, to which it redirects, returned ${status}${page === undefined ? '' : ` with ${page}`}`;
  if (isPassing(status)) return new TransientFailure(what, parseRetryAfter(retryAfter, Date.now()));
  const text = `the contents of ${subject} cannot be downloaded: Girder ${api} lists them, but ${what}`;
  return doubtful(new RunError('DownloadFailed', text), context);
}

/** A response with where it came from, for {@link parseDocument}. */
type Received = Pick<FollowedResponse, 'response' | 'url' | 'isRedirected'>;

/**
 * The document in a response of Girder.
 * @throws RunError GirderUnavailable for what is not Girder's; TransientFailure for what may be cut
 */
export function parseDocument<T>(
  text: string,
  parse: (value: unknown) => T,
  { response, url, isRedirected }: Received,
  context: Context,
): T {
  const redirected = isRedirected ? `, which redirects to ${url.pathname.slice(0, 200)},` : '';
  const place = `the server at ${context.api}${redirected} is not a Girder API`;
  const value = parseJson(text);
  if (value === undefined) {
    checkEncoding(response, context);
    throw noDocument(text, place, context);
  }
  try {
    return parse(value);
  } catch (error) {
    if (!(error instanceof UnexpectedResponse)) throw error;
    throw new RunError('GirderUnavailable', `${place}: ${error.message}`);
  }
}

function noDocument(text: string, place: string, context: Context): RunError | TransientFailure {
  const page = describePage(text);
  if (page.startsWith('an HTML page')) return ofOtherServer(`${place}: it sent ${page}`, context);
  const why = page === 'JSON of another kind' ? 'it is cut' : `it is ${page}`;
  const error = new RunError('GirderUnavailable', `${place}: its response is not JSON, ${why}`);
  return doubtful(error, context);
}

function ofOtherServer(what: string, context: Context): RunError | TransientFailure {
  const why = 'so a login page or a proxy answers in its place';
  const error = new RunError('GirderUnavailable', `${what}, ${why}; ${urlAdvice(context.api)}`);
  return context.isKnown === true ? doubtful(error, context) : error;
}

/**
 * Refuses bytes that a server in front of Girder has encoded: the requests ask for none.
 * @throws RunError GirderUnavailable
 */
function checkEncoding(response: Pick<HttpResponse, 'header'>, { api, subject }: Context): void {
  const encoding = response.header('content-encoding')?.trim().toLowerCase();
  if (encoding === undefined || encoding === '' || encoding === 'identity') return;
  const text = `a server in front of Girder ${api} encodes the response for ${subject} as ${oneLine(encoding).slice(0, 40)}, which the worker did not ask for`;
  throw new RunError('GirderUnavailable', `${text}; turn its compression off for the API`);
}

/**
 * Checks the head of a download. An HTML page from the address of Girder itself is a file only if Girder names it
 * in Content-Disposition, as it always does.
 */
export function checkDownload({ response, url, isRedirected }: Received, context: Context): void {
  // In a store, an encoding can be a property of the file.
  if (url.origin === new URL(context.api).origin) checkEncoding(response, context);
  if (isRedirected || response.header('content-disposition') !== undefined) return;
  if (!/^text\/html\b/i.test(response.header('content-type') ?? '')) return;
  const text = `the server at ${context.api} sent an HTML page in place of ${context.subject}`;
  throw ofOtherServer(text, context);
}

/** What stopped a request on its way to Girder, if no retry changes it; `error` itself otherwise. */
export async function unreachable(error: unknown, api: URL, context: Context): Promise<unknown> {
  if (error instanceof UntrustedServer) return untrusted(error, api);
  const where = `Girder ${context.api}`;
  if (error instanceof RefusedByProxy) {
    return new RunError('GirderUnavailable', `${where} cannot be reached: ${error.message}`);
  }
  if (!(error instanceof RedirectRefused)) return error;
  const reason = context.isDocument === true ? 'GirderUnavailable' : 'GirderRefused';
  return new RunError(reason, `${where} redirects ${context.subject} ${error.message}`);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, 500);
}

const caAdvice =
  'add the certificate of its issuer to worker.caBundle of the chart, or for `dockerrun run` to NODE_EXTRA_CA_CERTS';

/** What cures a certificate that is not accepted, by the code of OpenSSL or Node. */
const certificateAdvice: readonly (readonly [RegExp, string, string])[] = [
  [/^CERT_HAS_EXPIRED$/, 'an expired certificate', 'renew it on the server'],
  [
    /^CERT_NOT_YET_VALID$/,
    'a certificate that is not valid yet',
    'check the clocks of the server and the node',
  ],
  [/^ERR_TLS_CERT_ALTNAME/, 'a certificate for another name', 'use a name that it is for in girder.apiUrl'],
  [/./, 'an untrusted certificate', caAdvice],
];

/** The server is named if it is another one, to which Girder redirects. */
async function untrusted({ message, url, code }: UntrustedServer, api: URL): Promise<RunError> {
  const issuer = await describeIssuer(url);
  const where = url.origin === api.origin ? '' : `, or rather ${url.origin}, to which it redirects,`;
  const [, what = '', advice = ''] = certificateAdvice.find(([codes]) => codes.test(code)) ?? [];
  const text = `Girder ${api.href}${where} has ${what}: ${message}`;
  return new RunError('GirderUnavailable', `${text}${issuer === '' ? '' : ` (${issuer})`}; ${advice}`);
}

/** The error of a server that drops plain requests because it speaks TLS; undefined if it does not. */
export async function secureInstead(api: URL): Promise<RunError | undefined> {
  if (api.protocol !== 'http:') return undefined;
  const secure = new URL(`https://${api.hostname}:${api.port || 80}${api.pathname}`);
  if ((await describeIssuer(secure)) === '') return undefined;
  const text = `the server at ${api.href} speaks TLS, so girder.apiUrl must begin with https://`;
  return new RunError('GirderUnavailable', text);
}
