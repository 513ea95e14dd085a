import { endpoints } from '../network.ts';

const callSeconds = 30;

/** The REST address that host, pods and containers use. */
export const girderApiUrl = `${endpoints.girder}/api/v1`;

/** One call: `headers` carry the login, `form` the parameters of anything but a GET. */
type GirderCall = {
  method: string;
  path: string;
  headers?: Record<string, string>;
  form?: Record<string, string>;
};

/** What Girder answered when it did not do as asked. */
export class GirderRefusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Calls Girder's REST API; rejects with a GirderRefusal that holds Girder's own message unless it answers 2xx. */
export async function callGirder(call: GirderCall, signal: AbortSignal): Promise<unknown> {
  const { method, path, headers = {}, form } = call;
  const response = await fetch(`${girderApiUrl}${path}`, {
    method,
    headers,
    // In the body, since Girder's access log holds every address with its query.
    ...(form === undefined ? {} : { body: new URLSearchParams(form) }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(callSeconds * 1000)]),
  });
  const text = await response.text();
  if (!response.ok) {
    const message = `Girder refuses ${method} ${path} with ${response.status}: ${text.slice(0, 300)}`;
    throw new GirderRefusal(response.status, message);
  }
  return JSON.parse(text);
}

/** A string member of a JSON answer; throws when it is missing, since then this is not the Girder we know. */
export function stringMember(value: unknown, ...path: string[]): string {
  let current = value;
  for (const name of path) current = (current as Record<string, unknown> | null | undefined)?.[name];
  if (typeof current !== 'string') throw new Error(`Girder's answer lacks ${path.join('.')}`);
  return current;
}
