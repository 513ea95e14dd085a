import { addressOrigin, beforeQuery, encodedDots, lastSlashes } from './patterns.ts';

/** An address without the slashes at its end. */
export function withoutLastSlashes(url: string): string {
  return url.replace(lastSlashes, '');
}

/** An address without its query and fragment, which may hold a secret. */
export function withoutQuery(url: string): string {
  return beforeQuery.exec(url)?.[0] ?? '';
}

/**
 * True for an address that is another one or a path below it. What two programs could read in two ways (a user, a
 * backslash, `..`, encoded or not) is below nothing.
 */
export function isBelow(url: string, root: string): boolean {
  const [wanted, allowed] = [canonicalAddress(withoutQuery(url)), canonicalAddress(root)];
  return allowed !== '' && `${wanted}/`.startsWith(`${withoutLastSlashes(allowed)}/`);
}

/** With its host in small letters and without the port that its scheme has anyway; empty if it is ambiguous. */
function canonicalAddress(url: string): string {
  const origin = addressOrigin.exec(url)?.[0] ?? '';
  const path = url.slice(origin.length);
  const isPlain = !path.includes('\\') && !/\/\.\.?\//.test(`${path}/`) && !encodedDots.test(path);
  if (origin === '' || !(path === '' || path.startsWith('/')) || !isPlain) return '';
  return canonicalOrigin(origin.toLowerCase()) + path;
}

function canonicalOrigin(origin: string): string {
  const port = origin.startsWith('https:') ? ':443' : ':80';
  return origin.endsWith(port) ? origin.slice(0, -port.length) : origin;
}
