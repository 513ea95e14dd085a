import { RunError } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import { parseApiUrl } from './api-url.ts';
import { GirderClient, type Timing } from './client.ts';
import {
  type Access,
  type GirderCredentials,
  type Issue,
  missingScopes,
  TokenSource,
} from './credentials.ts';
import { parseToken, type TokenState } from './documents.ts';

export type GirderOptions = {
  readonly apiUrl: string;
  /** A function reads them again whenever Girder rejects the old ones. */
  readonly credentials: GirderCredentials | (() => Promise<GirderCredentials>);
  /** What the run will do with data; checked against the scopes of the credentials. */
  readonly needs?: readonly Access[];
  /** Called once with what Girder knows of a token that the run was given, but not of a session of its own. */
  readonly onToken?: (token: TokenState) => void;
  /** How long new credentials may take to arrive after a rejection, in milliseconds. */
  readonly renewalMs?: number | undefined;
  readonly signal: AbortSignal;
  readonly log?: Logger;
  readonly timing?: Timing;
  /** Origins to which Girder may redirect although they are not encrypted or local to the node. */
  readonly redirects?: readonly string[] | undefined;
  /** How long to repeat a request whose failure may pass, in milliseconds; the default is 90 s. */
  readonly patienceMs?: number | undefined;
  /** Called with why a request has to wait, and with undefined at the next response. */
  readonly onWait?: ((why: string | undefined) => void) | undefined;
  /** Called before each repetition of a request, and after an answer that took long. */
  readonly onTrouble?: (() => void) | undefined;
};

/** Days. A session that a killed worker leaves behind expires soon; a longer run gets a new one. */
const sessionDays = 1;

/**
 * Connects to Girder.
 * @throws RunError early, if the address or the credentials are wrong or lack a scope; no session is left then
 */
export async function openGirder(options: GirderOptions): Promise<GirderClient> {
  const { credentials, signal, log, timing, renewalMs, redirects, patienceMs, onWait, onTrouble } = options;
  const api = parseApiUrl(options.apiUrl);
  const common = { log, timing, patienceMs, onWait, onTrouble };
  const anonymous = new GirderClient(api, TokenSource.anonymous(), common);
  const read = typeof credentials === 'function' ? credentials : async () => credentials;
  const tokens = new TokenSource({ issue: issuer(anonymous, read) });
  const client = new GirderClient(api, tokens, { ...common, renewalMs, redirects });
  try {
    await checkToken(client, tokens, options);
    return client;
  } catch (error) {
    await client.close();
    signal.throwIfAborted();
    throw error;
  }
}

/** Tokens of the credentials as they are by then: a Secret may be renewed while the run runs. */
function issuer(anonymous: GirderClient, read: () => Promise<GirderCredentials>): Issue {
  return async (rejected, signal) => {
    const credentials = await read();
    if ('apiKey' in credentials) {
      return { token: await mint(anonymous, credentials.apiKey, signal), isOwn: true };
    }
    return credentials.token === rejected ? undefined : { token: credentials.token, isOwn: false };
  };
}

async function mint(anonymous: GirderClient, apiKey: string, signal: AbortSignal): Promise<string> {
  const subject = 'the API key of the run';
  try {
    const { token } = await anonymous.json({
      method: 'POST',
      route: ['api_key', 'token'],
      // In the body, because a query would be in the access logs.
      form: { key: apiKey, duration: sessionDays },
      subject,
      signal,
      parse: parseToken,
    });
    return token;
  } catch (error) {
    if (!(error instanceof RunError) || error.reason !== 'GirderRefused') throw error;
    const hint = apiKey.length === tokenLength ? `; ${mixedUp('a token', 'token')}` : '';
    throw new RunError('GirderUnauthorized', `${error.message}${hint}`);
  }
}

/** How many characters Girder gives its API keys and its tokens. */
const keyLength = 40;
const tokenLength = 64;

function mixedUp(what: string, key: string): string {
  return `it has the length of ${what}, which belongs under ${key} in the Secret`;
}

async function checkToken(
  client: GirderClient,
  tokens: TokenSource,
  { needs = [], onToken, signal }: GirderOptions,
): Promise<void> {
  const state = await client.tokenState(signal);
  const token = await tokens.token(signal);
  const isOwn = await tokens.isOwn(token);
  const what = isOwn ? 'API key' : 'token';
  if (state === undefined && !isOwn) {
    const why = token?.length === keyLength ? mixedUp('an API key', 'apiKey') : 'it is wrong or has expired';
    const message = `Girder ${client.apiUrl} does not know the token of the run; ${why}`;
    throw new RunError('GirderUnauthorized', message);
  }
  const missing = missingScopes(state, needs);
  if (missing !== undefined) {
    throw new RunError('GirderForbidden', `the ${what} of the run ${missing} (Girder ${client.apiUrl})`);
  }
  if (state !== undefined && !isOwn) onToken?.(state);
}
