import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { deadline } from '../../src/support/abort.ts';

const callMs = 30_000;
const login = Type.Object({ authToken: Type.Object({ token: Type.String() }) });

export type GirderSession = { apiUrl: string; token: string };

type Call = {
  method: string;
  path: string;
  query?: Record<string, string>;
  body?: Uint8Array<ArrayBuffer> | URLSearchParams;
};

/** Exchanges an API key for a token. The key is in the body, because servers log URLs. */
export async function logIn(apiUrl: string, key: string, signal: AbortSignal): Promise<GirderSession> {
  const call = { method: 'POST', path: '/api_key/token', body: new URLSearchParams({ key }) };
  const answer = await (await request({ apiUrl, token: '' }, call, signal)).json();
  if (!Value.Check(login, answer))
    throw new Error(`${apiUrl} returned no token: is it the REST API of a Girder?`);
  return { apiUrl, token: answer.authToken.token };
}

/** Calls Girder's REST API; rejects with Girder's message unless the status is 2xx. */
export async function request(
  { apiUrl, token }: GirderSession,
  { method, path, query = {}, body }: Call,
  signal: AbortSignal,
): Promise<Response> {
  const response = await fetch(`${apiUrl}${path}?${new URLSearchParams(query).toString()}`, {
    method,
    headers: {
      ...(token === '' ? {} : { 'Girder-Token': token }),
      ...(body instanceof Uint8Array ? { 'Content-Type': 'application/octet-stream' } : {}),
    },
    ...(body === undefined ? {} : { body }),
    signal: deadline(callMs, signal),
  });
  if (response.ok) return response;
  const text = (await response.text()).slice(0, 300);
  throw new Error(`Girder at ${apiUrl} refused ${method} ${path} with ${response.status}: ${text}`);
}

export async function downloadFile(
  session: GirderSession,
  fileId: string,
  signal: AbortSignal,
): Promise<Buffer> {
  const response = await request(session, { method: 'GET', path: `/file/${fileId}/download` }, signal);
  return Buffer.from(await response.arrayBuffer());
}
