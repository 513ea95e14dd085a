/** Numbers and choices that are the same for the same seed. */
export type Random = {
  /** An integer from 0 up to `limit`, exclusive. */
  below: (limit: number) => number;
  /** One of these; undefined when there are none. */
  of: <T>(choices: readonly T[]) => T | undefined;
};

/** Uses mulberry32, a generator with a state of 32 bits that is good enough for choices. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return { below, of: (choices) => choices[below(choices.length)] };
}
