import { RunError } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import { parseApiUrl } from './api-url.ts';
import { GirderClient, type Timing } from './client.ts';
import { type GirderCredentials, TokenSource } from './credentials.ts';
import { parseToken } from './documents.ts';

export type GirderOptions = {
  readonly apiUrl: string;
  readonly credentials: GirderCredentials;
  readonly signal: AbortSignal;
  readonly log?: Logger;
  readonly timing?: Timing;
};

/** Days. A session that a killed worker leaves behind expires soon; a longer run gets a new one. */
const sessionDays = 1;

/** Connects to Girder, and fails early if the address or the credentials are wrong. */
export async function openGirder({
  apiUrl,
  credentials,
  signal,
  log,
  timing,
}: GirderOptions): Promise<GirderClient> {
  const api = parseApiUrl(apiUrl);
  if ('token' in credentials) {
    const client = new GirderClient(api, new TokenSource(credentials), { log, timing });
    await checkToken(client, signal);
    return client;
  }
  const anonymous = new GirderClient(api, TokenSource.anonymous(), { log, timing });
  const tokens = new TokenSource({ mint: (minting) => mint(anonymous, credentials.apiKey, minting) });
  await tokens.token(signal);
  return new GirderClient(api, tokens, { log, timing });
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
    throw new RunError('GirderUnauthorized', error.message);
  }
}

async function checkToken(client: GirderClient, signal: AbortSignal): Promise<void> {
  if (await client.knowsToken(signal)) return;
  const message = `Girder ${client.apiUrl} does not know the token of the run; it is wrong or has expired`;
  throw new RunError('GirderUnauthorized', message);
}
