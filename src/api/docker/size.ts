const units: Record<string, number> = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** The bytes that docker-py's `parse_bytes` makes of a size (`1g`, `64mb`, `1.5k`, 1024); throws on what is none. */
export function parseDockerSize(size: string | number): number {
  if (typeof size === 'number') return size;
  const match = /^(-?\d+(?:\.\d+)?)(?:([bkmgt])b?)?$/i.exec(size);
  const factor = units[match?.[2]?.toLowerCase() ?? 'b'];
  if (match === null || factor === undefined) {
    throw new TypeError(`"${size}" is no size: write bytes, or a number with k, m, g or t`);
  }
  return Math.trunc(Number(match[1]) * factor);
}
