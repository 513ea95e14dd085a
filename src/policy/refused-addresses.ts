import { isBelow, withoutLastSlashes, withoutQuery } from './allowed-addresses.ts';
import type { DockerRunSpec } from '../api/spec.ts';
import { RunError } from '../support/errors.ts';

/** The refusal of an address of Girder that the policy's list does not contain. */
export function refusedGirder(
  { girder }: DockerRunSpec,
  { girderApiUrls }: { readonly girderApiUrls?: readonly string[] },
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
  { streamUrls }: { readonly streamUrls?: readonly string[] },
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
