import { isIP } from 'node:net';
import { isNodeAddress } from './node-address.ts';

/** More redirects than this in a row are a loop. */
export const maxRedirects = 5;

/** Where to go next, whether Girder's token may go along, and whether that is another host than the API's. */
export type Hop = { readonly url: URL; readonly withToken: boolean; readonly isElsewhere: boolean };

/** A redirect that is not followed; `message` completes the sentence "Girder redirects …". */
export class RedirectRefused extends Error {
  override readonly name = 'RedirectRefused';
}

/** True for the statuses that send a GET elsewhere. */
export function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

/**
 * Decides a redirect from `from` to `location`: the token stays with the origin of `api`, encryption is never
 * given up, and no file in Girder can point us at the node itself or at a cloud's metadata service. Where a name leads
 * shows only when it is looked up, which guardedLookup minds.
 */
export function nextHop(from: URL, location: string | undefined, api: URL): Hop {
  if (location === undefined || !URL.canParse(location, from.href)) {
    throw new RedirectRefused('to no valid address');
  }
  const url = new URL(location, from.href);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new RedirectRefused(`to an address of the kind ${url.protocol}, which is not followed`);
  }
  if (from.protocol === 'https:' && url.protocol === 'http:') {
    throw new RedirectRefused(`from https to ${url.origin}, which is not encrypted`);
  }
  const isElsewhere = url.hostname !== api.hostname;
  if (isElsewhere && isNodeLocal(url.hostname)) {
    throw new RedirectRefused(`to ${url.origin}, an address of the node itself`);
  }
  return { url, withToken: url.origin === api.origin, isElsewhere };
}

/** Names that mean the node or a metadata service wherever they are looked up. */
const localNames = ['localhost', 'metadata.google.internal', 'metadata.goog'];

function isNodeLocal(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.+$/, '');
  const family = isIP(host);
  if (family === 4 || family === 6) return isNodeAddress(host, family);
  return localNames.some((name) => host === name || host.endsWith(`.${name}`));
}
