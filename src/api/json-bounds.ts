/** The largest JSON value that is read of what somebody else wrote. */
export type JsonBounds = {
  /** How deep objects and lists may be nested; the value itself has depth 1. */
  readonly depth: number;
  /** A lower bound of its bytes as JSON is compared: all names and texts, and one for each value. */
  readonly bytes: number;
};

/** Deep enough for the affinity of a pod (9) and for metadata of Girder inside the spec. */
const maxDepth = 32;

/**
 * The bound of a spec. The worker receives the run in one environment variable, which Linux limits to 128 KiB
 * (MAX_ARG_STRLEN); the controller adds the rest.
 */
export const specBounds = { depth: maxDepth, bytes: 100 * 1024 } as const satisfies JsonBounds;

/** The bound of a status: the controller writes far less, but others may be allowed to write it. */
export const statusBounds = { depth: maxDepth, bytes: 256 * 1024 } as const satisfies JsonBounds;

/**
 * What exceeds the bounds, in words that follow the name of the field; undefined for a value within them. It
 * stops at the first excess and does not recurse, so that its time and its stack are bounded for any value.
 */
export function boundsProblem(value: unknown, { depth, bytes }: JsonBounds): string | undefined {
  const open: { value: unknown; depth: number }[] = [{ value, depth: 1 }];
  let left = bytes;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value: current } = next;
    left -= typeof current === 'string' ? current.length + 2 : 1;
    const members = typeof current === 'object' && current !== null ? membersOf(current) : [];
    const isList = Array.isArray(current);
    if (next.depth > depth && typeof current === 'object' && current !== null)
      return `is nested more than ${depth} deep`;
    for (const [name, member] of members) {
      left -= isList ? 1 : name.length + 3;
      if (left < 0) break;
      open.push({ value: member, depth: next.depth + 1 });
    }
    if (left < 0) return `has more than ${bytes} bytes as JSON; move data into a file`;
  }
  return undefined;
}

/** Like `Object.entries`, which would need some 100 bytes for each of a million members at once. */
function* membersOf(value: object): Generator<readonly [name: string, member: unknown]> {
  const record = value as Readonly<Record<string, unknown>>;
  if (Array.isArray(value)) for (const member of value as unknown[]) yield ['', member];
  else for (const name of Object.keys(record)) yield [name, record[name]];
}
