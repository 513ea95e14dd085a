const suffixes: Record<string, number> = {
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** The largest amount of a resource, 1P: sums with it are exact, and written without an exponent. */
export const mostAmount = 1e15;

/**
 * The value of a Kubernetes quantity: `500m` is 0.5, `1Ki` is 1024. @throws TypeError if it is not a
 * quantity.
 */
export function parseQuantity(quantity: string | number): number {
  if (typeof quantity === 'number') return quantity;
  const match = /^(-?\d+(?:\.\d*)?|\.\d+)(?:([eE][+-]?\d+)|([KMGTPE]i|[mkMGTPE])?)$/.exec(quantity);
  const factor = match === null ? undefined : suffixes[match[3] ?? ''];
  if (match === null || factor === undefined) throw new TypeError(`"${quantity}" is not a quantity`);
  const number = Number(`${match[1] ?? ''}${match[2] ?? ''}`);
  // Dividing by 1000 is exact where multiplying by 0.001 is not.
  return match[3] === 'm' ? number / 1000 : number * factor;
}

const units: Record<string, number> = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** A size in bytes, as docker-py's `parse_bytes` reads it (`1g`, `64mb`, `1.5k`, 1024). @throws TypeError. */
export function parseDockerSize(size: string | number): number {
  if (typeof size === 'number') return size;
  const match = /^(-?\d+(?:\.\d+)?)(?:([bkmgt])b?)?$/i.exec(size);
  const factor = units[match?.[2]?.toLowerCase() ?? 'b'];
  if (match === null || factor === undefined) {
    throw new TypeError(`"${size}" is not a size: use bytes, or a number with the unit k, m, g or t`);
  }
  return Math.trunc(Number(match[1]) * factor);
}
