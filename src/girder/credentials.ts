import { deadline, raceAbort } from '../support/abort.ts';
import { describe, RunError } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import { routeUrl } from './api-url.ts';
import type { TokenState } from './documents.ts';
import { exchange, follow } from './http/transport.ts';
import { RetryBudget, TransientFailure } from './retry.ts';

/** An API key, which is exchanged for a short session, or a token. */
export type GirderCredentials = { readonly apiKey: string } | { readonly token: string };

/** What a run does with data in Girder. */
export type Access = 'read' | 'write';

/** Girder's TokenScope for each access, with the name that its pages show. */
const scopes = {
  read: { id: 'core.data.read', title: 'Read data' },
  write: { id: 'core.data.write', title: 'Write data' },
} as const satisfies Record<Access, { id: string; title: string }>;

/** A token with it may do all that its user may. */
const fullScope = 'core.user_auth';

/**
 * What the scopes of a token do not allow, as the end of a sentence; undefined if they allow all of `needs`, or if
 * Girder does not report them. For a request that exceeds the scopes Girder takes the user for a stranger.
 */
export function missingScopes(token: TokenState | undefined, needs: readonly Access[]): string | undefined {
  const has = token?.scopes;
  if (has === undefined || has.includes(fullScope)) return undefined;
  const missing = needs.map((need) => scopes[need]).filter(({ id }) => !has.includes(id));
  if (missing.length === 0) return undefined;
  const ids = missing.map(({ id }) => id).join(' and ');
  const titles = missing.map(({ title }) => `"${title}"`).join(' and ');
  return `lacks the scope${missing.length === 1 ? '' : 's'} ${ids}; use an API key of Girder that allows ${titles} or has full access`;
}

/** `isOwn`: it is a session that the run itself created from its API key, and that it must delete. */
export type Issued = { readonly token: string; readonly isOwn: boolean };

/** Returns a token other than the `rejected` one; undefined if there is none. */
export type Issue = (rejected: string | undefined, signal: AbortSignal) => Promise<Issued | undefined>;

/** The current token. A rejected token is replaced once for all requests that it was rejected in. */
export class TokenSource {
  readonly #issue: Issue | undefined;
  #current: Promise<Issued | undefined> | undefined;
  /** Ends what issues a token: not the signal of a request, whose end would be that of all requests that wait for it. */
  #over = new AbortController();

  constructor(source: { readonly token: string | undefined } | { readonly issue: Issue }) {
    if ('issue' in source) {
      this.#issue = source.issue;
      return;
    }
    const { token } = source;
    this.#current = Promise.resolve(token === undefined ? undefined : { token, isOwn: false });
  }

  /** For the request that exchanges an API key, which needs no token. */
  static anonymous(): TokenSource {
    return new TokenSource({ token: undefined });
  }

  /** Whether a rejected token can be replaced. */
  get isRenewable(): boolean {
    return this.#issue !== undefined;
  }

  async token(signal: AbortSignal): Promise<string | undefined> {
    return (await raceAbort(this.#issued(), signal))?.token;
  }

  /** A token other than the rejected one; undefined if there is none, and then the rejected one remains. */
  async renew(rejected: string | undefined, signal: AbortSignal): Promise<string | undefined> {
    if (this.#issue === undefined) return undefined;
    const before = this.#current;
    const issued = await raceAbort(this.#issued(), signal);
    // Another request may have replaced it meanwhile: a second session would never be deleted.
    if (issued !== undefined && issued.token === rejected && this.#current === before) {
      void this.#begin(this.#issue(rejected, this.#over.signal).then((next) => next ?? issued));
    }
    const token = await this.token(signal);
    return token === rejected ? undefined : token;
  }

  /** Whether `token` is a session that the run must delete. */
  async isOwn(token: string | undefined): Promise<boolean> {
    const current = await this.#current?.catch(() => undefined);
    return current !== undefined && current.token === token && current.isOwn;
  }

  /** The token of the session that must be deleted at the end of the run, if there is one; forgets it. */
  async takeOwn(): Promise<string | undefined> {
    if (this.#issue === undefined) return undefined;
    const current = this.#current;
    this.#current = undefined;
    this.#over.abort(new Error('the session is not needed any more'));
    this.#over = new AbortController();
    const issued = await current?.catch(() => undefined);
    return issued?.isOwn === true ? issued.token : undefined;
  }

  #issued(): Promise<Issued | undefined> {
    if (this.#current !== undefined) return this.#current;
    return this.#issue === undefined
      ? Promise.resolve(undefined)
      : this.#begin(this.#issue(undefined, this.#over.signal));
  }

  #begin(issuing: Promise<Issued | undefined>): Promise<Issued | undefined> {
    this.#current = issuing;
    issuing.catch(() => {
      if (this.#current === issuing) this.#current = undefined;
    });
    return issuing;
  }
}

/** A token that Girder at `api` rejected for `subject`, with what it still knows of it. */
export type Rejection = {
  readonly rejected: string | undefined;
  readonly known?: TokenState | undefined;
  readonly access?: Access | undefined;
  readonly subject: string;
  readonly api: string;
  /** How long new credentials may take to arrive, in milliseconds; the kubelet updates a Secret after a minute. */
  readonly waitMs: number;
  readonly signal: AbortSignal;
};

/**
 * Another token than the rejected one, and the session that is `left` and must be deleted. Girder answers a token that
 * lacks a scope as it answers one that has ended; only what it knows of the token shows which of both it is.
 * @throws RunError GirderForbidden for a missing scope, or GirderUnauthorized if there is no other token;
 * TransientFailure while one may still arrive
 */
export async function replaceToken(
  tokens: TokenSource,
  { rejected, known, access, subject, api, waitMs, signal }: Rejection,
): Promise<{ readonly token: string; readonly left: string | undefined }> {
  const missing = access === undefined ? undefined : missingScopes(known, [access]);
  if (missing !== undefined) {
    const text = `the API key or token of the run ${missing} (it is needed for ${subject} in Girder ${api})`;
    throw new RunError('GirderForbidden', text);
  }
  const left = known !== undefined && (await tokens.isOwn(rejected)) ? rejected : undefined;
  try {
    const token = await tokens.renew(rejected, signal);
    if (token !== undefined) return { token, left };
    const text = `Girder ${api} rejected the credentials of the run for ${subject}: they have expired or been revoked`;
    throw new RunError('GirderUnauthorized', text);
  } catch (error) {
    if (!(error instanceof RunError) || error.reason !== 'GirderUnauthorized' || waitMs === 0) throw error;
    throw new TransientFailure(error.message, undefined, { afterMs: waitMs, error });
  }
}

const closeTimeoutMs = 5_000;

/** Best effort, also after the run was cancelled: a session that remains expires. */
export async function deleteSession(api: URL, token: string, log: Logger | undefined): Promise<void> {
  const url = routeUrl(api, ['token', 'session']);
  const signal = deadline(closeTimeoutMs);
  const budget = new RetryBudget();
  for (;;) {
    try {
      const request = { method: 'DELETE', url, headers: {}, signal } as const;
      const { response } = await follow(request, { api, token, exchange });
      response.body.destroy();
      return;
    } catch (error) {
      const failure = error instanceof TransientFailure ? error : undefined;
      if (failure !== undefined && (await budget.waitToRetry(failure, signal).catch(() => false))) continue;
      log?.warn({ error: describe(error) }, 'cannot delete the session in Girder; it will expire');
      return;
    }
  }
}
