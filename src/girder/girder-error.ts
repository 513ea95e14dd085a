import { parseJson } from '../api/json-values.ts';
import type { FailureReason } from '../api/reasons.ts';
import { RunError } from '../support/errors.ts';
import { isRecord } from '../support/narrow.ts';
import { parseRetryAfter, TransientFailure } from './retry.ts';
import type { Method } from './http/transport.ts';

/** What a refusal was about: `subject` reads like "file 5f0c…", `api` is the address of the API. */
export type Context = { readonly method: Method; readonly subject: string; readonly api: string };

/** The part of an answer that decides: Girder's errors are `{message, type}`; anything else has no `type`. */
export type GirderRefusal = {
  readonly status: number;
  readonly message: string;
  readonly type: string | undefined;
  readonly retryAfter?: string | undefined;
};

/** Reads the body of a refusal; a page of HTML from a wrong address or a proxy has no `type`. */
export function parseRefusal(status: number, text: string, retryAfter?: string): GirderRefusal {
  const body = parseJson(text);
  if (isRecord(body) && 'message' in body && 'type' in body) {
    return { status, message: oneLine(String(body['message'])), type: String(body['type']), retryAfter };
  }
  return { status, message: '', type: undefined, retryAfter };
}

/** The error for any answer of 400 and more: the only place that knows what Girder's refusals mean. */
export function classify(refusal: GirderRefusal, context: Context): RunError | TransientFailure {
  const { status, message } = refusal;
  if (status === 429 || (status >= 500 && status !== 501 && status !== 505)) {
    const retryAfter = parseRetryAfter(refusal.retryAfter, Date.now());
    return new TransientFailure(`it answers ${status}${message === '' ? '' : ` "${message}"`}`, retryAfter);
  }
  return new RunError(...reasonAndMessage(refusal, context));
}

function reasonAndMessage(
  { status, message, type }: GirderRefusal,
  context: Context,
): [FailureReason, string] {
  const { method, subject, api } = context;
  if (status === 401) {
    return ['GirderUnauthorized', `Girder ${api} does not accept the credentials of the run for ${subject}`];
  }
  if (type === undefined) {
    return ['GirderUnavailable', `what answers at ${api} (with status ${status}) is not the API of a Girder`];
  }
  if (status === 403) {
    const access = method === 'GET' ? 'read' : 'write';
    return [
      'GirderForbidden',
      `the credentials of the run give no ${access} access to ${subject} in Girder ${api}`,
    ];
  }
  // An unknown id is 400 'rest', a malformed one 400 'validation'; our GETs have nothing else to refuse.
  if (status === 404 || (method === 'GET' && status === 400)) {
    return ['GirderNotFound', `there is no ${subject} in Girder ${api}`];
  }
  return ['GirderRefused', `Girder ${api} refused ${subject}: ${message}`];
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, 500);
}
