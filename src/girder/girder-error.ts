import { isRecord, parseJson, textOf } from '../api/json-values.ts';
import type { FailureReason } from '../api/reasons.ts';
import { RunError } from '../support/errors.ts';
import { describeIssuer } from '../support/egress.ts';
import { parseRetryAfter, TransientFailure, type UntrustedServer } from './retry.ts';
import type { Method } from './http/transport.ts';

/** The request that was refused: `subject` is like "file 5f0c…", `api` is the URL of the API. */
export type Context = { readonly method: Method; readonly subject: string; readonly api: string };

/** Girder's errors are `{message, type}`; without a `type`, the response is not Girder's. */
export type GirderRefusal = {
  readonly status: number;
  readonly message: string;
  readonly type: string | undefined;
  readonly retryAfter?: string | undefined;
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
  return { status, message: '', type: undefined, retryAfter };
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

/**
 * The error for a response with a status of 400 or more: only here is it decided what Girder's errors mean.
 */
export function classify(refusal: GirderRefusal, context: Context): RunError | TransientFailure {
  const { status, message } = refusal;
  if (status === 429 || (status >= 500 && status !== 501 && status !== 505)) {
    const retryAfter = parseRetryAfter(refusal.retryAfter, Date.now());
    return new TransientFailure(`it returned ${status}${message === '' ? '' : ` "${message}"`}`, retryAfter);
  }
  if (status === 413) {
    const text = `a server in front of Girder ${context.api} refuses the length of ${context.subject} (413)`;
    return new ChunkRefused('tooLarge', text);
  }
  const [reason, text] = reasonAndMessage(refusal, context);
  const problem = lengthProblems.find(([words]) => reason === 'GirderRefused' && words.test(message))?.[1];
  return problem === undefined ? new RunError(reason, text) : new ChunkRefused(problem, text);
}

function reasonAndMessage(
  { status, message, type }: GirderRefusal,
  context: Context,
): [FailureReason, string] {
  const { method, subject, api } = context;
  if (status === 401) {
    return ['GirderUnauthorized', `Girder ${api} rejected the credentials of the run for ${subject}`];
  }
  if (type === undefined) {
    return ['GirderUnavailable', `the server at ${api} returned ${status}, and it is not a Girder API`];
  }
  if (status === 403) {
    const access = method === 'GET' ? 'read' : 'write';
    return [
      'GirderForbidden',
      `the credentials of the run have no ${access} access to ${subject} in Girder ${api}`,
    ];
  }
  // An unknown id is 400 'rest', a malformed one 400 'validation'; a GET here cannot be invalid in another
  // way.
  if (status === 404 || (method === 'GET' && status === 400)) {
    return ['GirderNotFound', `there is no ${subject} in Girder ${api}`];
  }
  return ['GirderRefused', `Girder ${api} refused ${subject}: ${message}`];
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, 500);
}

const caAdvice =
  'add the certificate of its issuer to worker.caBundle of the chart, or for `dockerrun run` to NODE_EXTRA_CA_CERTS';

/** The server is named if it is another one, to which Girder redirects. */
export async function untrusted({ message, url }: UntrustedServer, api: URL): Promise<RunError> {
  const issuer = await describeIssuer(url);
  const where = url.origin === api.origin ? '' : `, or rather ${url.origin}, to which it redirects,`;
  const text = `Girder ${api.href}${where} has an untrusted certificate: ${message}`;
  return new RunError('GirderUnavailable', `${text}${issuer === '' ? '' : ` (${issuer})`}; ${caAdvice}`);
}
