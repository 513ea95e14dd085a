import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Why a request is refused: its HTTP status, and one sentence. */
export type Refusal = { readonly status: number; readonly error: string };

/** Sent with every answer. The page loads nothing from elsewhere, runs no inline code and cannot be framed. */
export const safeHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
} as const;

/**
 * Refuses what the page itself does not send. The address is only on this machine, but every website that the user
 * visits, and every user of the machine, can send requests there:
 * - another Host means that a name of somebody else's was made to lead here (DNS rebinding);
 * - another Origin is another site;
 * - a request without the token is not from the page whose address the terminal showed.
 */
export function refusalOf(
  request: IncomingMessage,
  own: { port: number; token: string },
): Refusal | undefined {
  return guards.map((guard) => guard(request, own)).find((refusal) => refusal !== undefined);
}

type Guard = (request: IncomingMessage, own: { port: number; token: string }) => Refusal | undefined;

/** First match wins. */
const guards: readonly Guard[] = [
  ({ headers }, { port }) => {
    const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
    if (hosts.includes(headers.host ?? '')) return undefined;
    return { status: 421, error: `this server answers only to ${hosts.join(' and ')}` };
  },
  ({ headers: { origin, host } }) => {
    if (origin === undefined || origin === `http://${host}`) return undefined;
    return { status: 403, error: 'another site may not use this server' };
  },
  ({ method = '', headers: { origin } }) => {
    if (['GET', 'HEAD'].includes(method) || origin !== undefined) return undefined;
    return { status: 403, error: 'the request has no Origin' };
  },
  ({ url = '', headers: { authorization = '' } }, { token }) => {
    if (!url.startsWith('/api/') || isSame(authorization, `Bearer ${token}`)) return undefined;
    return { status: 401, error: 'open the address that dockerrun ui printed: it has the token' };
  },
];

/** In a time that does not depend on where the texts differ. */
function isSame(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}
