import { lookup, type LookupAddress, type LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isNodeAddress } from './node-address.ts';
import { RedirectRefused } from './redirect.ts';

/** Finds all addresses of a name, like `lookup` of node:dns. */
export type Resolver = (
  hostname: string,
  options: LookupOptions & { all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * A lookup for connections that a redirect asks for: it fails with a RedirectRefused when a name leads to the node
 * itself. What it gives is what is connected to, so no name can lead elsewhere after the check.
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

/** The one that is used. */
export const lookupElsewhere = guardedLookup();
