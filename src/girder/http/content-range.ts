/** A parsed Content-Range: the first byte of the answer, and the size of the whole if the server tells it. */
export type ContentRange = { readonly first: number; readonly total: number | undefined };

/** Reads `bytes 5-9/10` or `bytes 5-9/*`; anything else is undefined. */
export function parseContentRange(header: string | undefined): ContentRange | undefined {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(header?.trim() ?? '');
  if (match === null) return undefined;
  return { first: Number(match[1]), total: match[2] === '*' ? undefined : Number(match[2]) };
}
