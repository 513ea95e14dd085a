import { celPattern } from '../cel-text.ts';
import { addressOrigin, beforeQuery, encodedDots, lastSlashes } from './patterns.ts';

/** The rules about addresses, for the controller and, below, in CEL for the API server. */

/** No name of a host and its port are longer; it bounds what the API server spends. */
const longestOrigin = 300;

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
  const origin = addressOrigin.exec(url.slice(0, longestOrigin))?.[0] ?? '';
  const path = url.slice(origin.length);
  const isPlain = !path.includes('\\') && !/\/\.\.?\//.test(`${path}/`) && !encodedDots.test(path);
  if (origin === '' || !(path === '' || path.startsWith('/')) || !isPlain) return '';
  return canonicalOrigin(origin.toLowerCase()) + path;
}

function canonicalOrigin(origin: string): string {
  const port = origin.startsWith('https:') ? ':443' : ':80';
  return origin.endsWith(port) ? origin.slice(0, -port.length) : origin;
}

/** In CEL, {@link withoutLastSlashes}. */
export function celWithoutLastSlashes(url: string): string {
  return `${url}.substring(0, ${url}.size() - ${url}.find(${celPattern(lastSlashes)}).size())`;
}

/** In CEL, {@link withoutQuery}. */
export function celWithoutQuery(url: string): string {
  return `${url}.find(${celPattern(beforeQuery)})`;
}

/** In CEL, the part of an address before its path; empty when it has none that is plain. */
export function celOrigin(url: string): string {
  const beginning = `(${url}.size() > ${longestOrigin} ? ${url}.substring(0, ${longestOrigin}) : ${url})`;
  return `${beginning}.find(${celPattern(addressOrigin)})`;
}

/** In CEL, {@link canonicalAddress} of an address in two parts. */
export function celCanonicalAddress(origin: string, path: string): string {
  const ways = ['/./', '/../'].map((dots) => `!(${path} + '/').contains('${dots}')`);
  const isPlain = [`!${path}.contains('\\\\')`, ...ways, `!${path}.matches(${celPattern(encodedDots)})`];
  const isValid = `${origin} != '' && (${path} == '' || ${path}.startsWith('/')) && ${isPlain.join(' && ')}`;
  return `(${isValid} ? ${celCanonicalOrigin(`${origin}.lowerAscii()`)} + ${path} : '')`;
}

function celCanonicalOrigin(origin: string): string {
  const without = (port: string) =>
    `(${origin}.endsWith('${port}') ? ${origin}.substring(0, ${origin}.size() - ${port.length}) : ${origin})`;
  return `(${origin}.startsWith('https:') ? ${without(':443')} : ${without(':80')})`;
}
