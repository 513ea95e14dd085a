import type { DockerRunSpec } from '../api/spec.ts';
import { RunError } from '../support/errors.ts';
import { addressOrigin } from './patterns.ts';
import type { Allowances } from './policy-schema.ts';

export function refusedGirder(
  { girder }: DockerRunSpec,
  { girderApiUrls }: Allowances,
): RunError | undefined {
  if (girder === undefined || girderApiUrls === undefined) return undefined;
  const plain = withoutTrailingSlashes(girder.apiUrl);
  if (girderApiUrls.some((allowed) => withoutTrailingSlashes(allowed) === plain)) return undefined;
  return new RunError(
    'GirderAddressNotAllowed',
    `spec.girder.apiUrl: the policy does not allow ${girder.apiUrl}`,
  );
}

/** The refusal of the first stream whose URL is not below one of `streamUrls`. */
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

/** Encoded dots and backslashes: some servers decode them before they resolve `..`. */
const encodedDots = /%(2[eEfF]|5[cC])/;

/**
 * True if `url` equals `root` or is a path below it. False for a URL that two programs could read
 * differently: with a user, a backslash, or an encoded or plain `..`.
 */
export function isBelow(url: string, root: string): boolean {
  const [requested, allowed] = [canonicalAddress(withoutQuery(url)), canonicalAddress(root)];
  return allowed !== '' && `${requested}/`.startsWith(`${withoutTrailingSlashes(allowed)}/`);
}

/** With a lower-case host and without the default port of the scheme; empty for an ambiguous URL. */
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

export function withoutTrailingSlashes(url: string): string {
  return url.replace(/(?<!\/)\/+$/, '');
}

/** Also without the fragment: both may contain a secret. */
function withoutQuery(url: string): string {
  return /^[^?#]*/.exec(url)?.[0] ?? '';
}
