import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** More redirects than this in a row are a loop. */
export const maxRedirects = 5;

/**
 * `isOtherHost` is true for another host than the API's; `withToken` is true when the token may be sent
 * there.
 */
type Hop = { readonly url: URL; readonly withToken: boolean; readonly isOtherHost: boolean };

/** A redirect that is not followed; `message` completes the sentence "Girder redirects …". */
export class RedirectRefused extends Error {
  override readonly name = 'RedirectRefused';
}

export function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

/**
 * Decides a redirect from `from` to `location`: the token stays with the origin of `api`, and neither http
 * after https nor an address of the node or of a cloud's metadata service is followed, unless its origin is one
 * of `allowed`. guardedLookup checks what a name resolves to.
 */
export function nextHop(
  from: URL,
  location: string | undefined,
  api: URL,
  allowed: readonly string[] = [],
): Hop {
  if (location === undefined || !URL.canParse(location, from.href)) {
    throw new RedirectRefused('to an invalid address');
  }
  const url = new URL(location, from.href);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new RedirectRefused(`to ${url.protocol}//, which is neither http:// nor https://`);
  }
  if (isAllowed(url, allowed)) return { url, withToken: url.origin === api.origin, isOtherHost: false };
  if ([from.protocol, api.protocol].includes('https:') && url.protocol === 'http:') {
    throw new RedirectRefused(`from https to ${url.origin}, which is not encrypted; ${allowance}`);
  }
  const isOtherHost = url.hostname !== api.hostname;
  if (isOtherHost && isNodeLocal(url.hostname)) {
    throw new RedirectRefused(`to ${url.origin}, an address of the node itself; ${allowance}`);
  }
  return { url, withToken: url.origin === api.origin, isOtherHost };
}

const allowance =
  'a policy can allow it (girderRedirects), or for `dockerrun run` DOCKERRUN_GIRDER_REDIRECTS';

function isAllowed(url: URL, allowed: readonly string[]): boolean {
  return allowed.some((origin) => URL.canParse(origin) && new URL(origin).origin === url.origin);
}

/** Like `lookup` of node:dns, with all addresses of a name. */
type Resolver = (
  hostname: string,
  options: LookupOptions & { all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * A lookup for connections to which a redirect leads. It fails with a RedirectRefused when any address of the
 * name is one of the node; the connection uses the returned address, so a second resolution cannot change it
 * after the check.
 */
export function guardedLookup(resolve: Resolver = lookup): LookupFunction {
  return (hostname, options, done) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      const local = addresses?.find(({ address, family }) => isNodeAddress(address, family === 4 ? 4 : 6));
      if (error !== null || first === undefined) done(error ?? new Error(`${hostname} has no address`), []);
      else if (local !== undefined)
        done(
          new RedirectRefused(`to ${hostname}, which is ${local.address}, an address of the node itself`),
          [],
        );
      else if (options.all === true) done(null, addresses);
      else done(null, first.address, first.family);
    });
  };
}

export const lookupOtherHost = guardedLookup();

/** Names that mean the node or a metadata service wherever they are resolved. */
const localNames = ['localhost', 'metadata.google.internal', 'metadata.goog'];

function isNodeLocal(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').replace(/(?<!\.)\.+$/, '');
  const family = isIP(host);
  if (family === 4 || family === 6) return isNodeAddress(host, family);
  return localNames.some((name) => host === name || host.endsWith(`.${name}`));
}

/** IPv4 networks of the node itself, and the addresses at which clouds hand out credentials. */
const networks = [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  // The metadata services of Alibaba, Azure and Oracle.
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
  ['192.0.0.192', 32],
] as const;

/**
 * How an IPv6 address holds an IPv4 one in its last 32 bits: NAT64 (RFC 6052, RFC 8215) and SIIT (RFC 2765).
 */
const translations = ['64:ff9b::', '64:ff9b:1::', '::ffff:0:'] as const;

/** The metadata services of AWS, Google and Scaleway, in networks that are otherwise private. */
const metadata = ['fd00:ec2::254', 'fd20:ce::254', 'fd00:42::42'] as const;

const blocked = blockList();

/**
 * True for any form of an address of the node itself or of a cloud's metadata service; IPv6 without brackets.
 * Private networks are allowed, because object stores are often there.
 */
function isNodeAddress(address: string, family: 4 | 6): boolean {
  return blocked.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

function blockList(): BlockList {
  const list = new BlockList();
  for (const [address, prefix] of networks) {
    // A BlockList applies these to IPv4-mapped IPv6 addresses as well.
    list.addSubnet(address, prefix, 'ipv4');
    const groups = asGroups(address);
    for (const before of translations) list.addSubnet(`${before}${groups}`, 96 + prefix, 'ipv6');
    // 6to4 (RFC 3056) has the IPv4 address at the front.
    list.addSubnet(`2002:${groups}::`, 16 + prefix, 'ipv6');
  }
  // Loopback, "this host", and IPv4-compatible addresses, which are deprecated (RFC 4291).
  list.addSubnet('::', 96, 'ipv6');
  list.addSubnet('fe80::', 10, 'ipv6');
  for (const address of metadata) list.addAddress(address, 'ipv6');
  return list;
}

function asGroups(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}
