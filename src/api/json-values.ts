/** True for a JSON object. Data from outside is narrowed with this function instead of being trusted. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value if it is a non-empty string. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The value if it is a finite number. */
export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** Undefined when the text is not JSON: for text that another program wrote. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The path of a member after the name of the whole, `.docker.ports.80/tcp`, of a JSON Pointer (RFC 6901). */
export function dottedPath(pointer: string): string {
  return pointer.replaceAll('/', '.').replaceAll('~1', '/').replaceAll('~0', '~');
}

/** `T` with the members that may be undefined made optional. */
export type Defined<T extends object> = {
  [Key in keyof T as undefined extends T[Key] ? never : Key]: T[Key];
} & { [Key in keyof T as undefined extends T[Key] ? Key : never]?: Exclude<T[Key], undefined> };

/** A copy without undefined members, for types and callers that distinguish `{ a: undefined }` from `{}`. */
export function defined<T extends object>(members: T): Defined<T> {
  const entries = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Defined<T>;
}

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

/** The largest spec that is kept in memory while nothing happens to its run. An honest one has about 1 KiB. */
export const cachedSpecBounds = { depth: maxDepth, bytes: 4 * 1024 } as const satisfies JsonBounds;

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
    const nested = typeof current === 'object' && current !== null;
    const members = nested ? membersOf(current) : [];
    const isList = Array.isArray(current);
    if (nested && next.depth > depth) return `is nested more than ${depth} deep`;
    for (const [name, member] of members) {
      // JSON may have it, but code that copies or checks objects treats it in a special way.
      if (name === '__proto__') return 'has a field named __proto__, which is not allowed';
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
