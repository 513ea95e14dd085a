import type { DockerRunSpec } from '../api/spec.ts';
import { RunError } from '../support/errors.ts';
import { addressOrigin } from './patterns.ts';
import type { Allowances } from './policy-schema.ts';

/** The refusal of an address of Girder that the policy's list does not contain. */
export function refusedGirder(
  { girder }: DockerRunSpec,
  { girderApiUrls }: Allowances,
): RunError | undefined {
  if (girder === undefined || girderApiUrls === undefined) return undefined;
  const plain = withoutLastSlashes(girder.apiUrl);
  if (girderApiUrls.some((allowed) => withoutLastSlashes(allowed) === plain)) return undefined;
  return new RunError(
    'GirderAddressNotAllowed',
    `spec.girder.apiUrl: the policy does not allow ${girder.apiUrl}`,
  );
}

/** The refusal of the first stream to an address that is not below one of the policy's list. */
export function refusedStream(
  { transforms = [] }: DockerRunSpec,
  { streamUrls }: Allowances,
): RunError | undefined {
  if (streamUrls === undefined) return undefined;
  for (const { name, connect } of transforms) {
    const url = connect?.output.chunkedTransferEncodingStream?.url;
    if (url === undefined || streamUrls.some((allowed) => isBelow(url, allowed))) continue;
    const field = `spec.transforms: ${name}.connect.output.chunkedTransferEncodingStream.url`;
    return new RunError(
      'StreamAddressNotAllowed',
      `${field}: the policy does not allow ${withoutQuery(url)} (streamUrls)`,
    );
  }
  return undefined;
}

/** Dots and slashes that are encoded, which some servers decode before they resolve `..`. */
const encodedDots = /%(2[eEfF]|5[cC])/;

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

function withoutLastSlashes(url: string): string {
  return url.replace(/\/+$/, '');
}

/** Without its query and fragment, which may hold a secret. */
function withoutQuery(url: string): string {
  return /^[^?#]*/.exec(url)?.[0] ?? '';
}
