/** What somebody published cannot be read. Its message is a sentence about the message, without its values. */
export class UnreadableError extends Error {}

/**
 * A JSON value as Python reads it. An integer is a bigint and every other number a number, because Python prints
 * `1` and `1.0` in different ways; an object is a Map, because the numbers of `py/id` depend on the order of its
 * keys, and a JavaScript object moves keys such as `"1"` to the front.
 */
export type JsonNode = null | boolean | string | bigint | number | readonly JsonNode[] | JsonMap;
export type JsonMap = ReadonlyMap<string, JsonNode>;

export type MessageBounds = {
  /** Of the text, in bytes of UTF-8. */
  readonly bytes: number;
  /** How deep lists and objects may be nested; a whole `requests.Session` in a transform needs about 25. */
  readonly depth: number;
  /** How many values there may be, names of fields apart. A transform has about 20. */
  readonly values: number;
};

/** The largest body that is read. A header has to fit into one frame of AMQP, which is far less. */
export const messageBounds: MessageBounds = { bytes: 8 * 2 ** 20, depth: 64, values: 200_000 };

/** Counts values and depth, for JSON and for a table of AMQP. */
export class ValueCount {
  readonly #bounds: MessageBounds;
  #values = 0;

  constructor(bounds: MessageBounds) {
    this.#bounds = bounds;
  }

  /** @throws UnreadableError if this value is one too many or too deep; the outermost has depth 1 */
  add(depth: number): void {
    this.#values += 1;
    if (this.#values > this.#bounds.values)
      throw new UnreadableError(`it has more than ${this.#bounds.values} values`);
    if (depth > this.#bounds.depth)
      throw new UnreadableError(`it is nested more than ${this.#bounds.depth} deep`);
  }
}

/**
 * A value of a header as amqplib reads it, in the form of JSON. A field without a value is null. What JSON does not
 * have, such as bytes or a time, is null as well: Girder publishes none.
 * @throws UnreadableError beyond the bounds of a message
 */
export function tableNode(value: unknown, bounds = messageBounds): JsonNode {
  return nodeOf(value, 1, new ValueCount(bounds));
}

function nodeOf(value: unknown, depth: number, count: ValueCount): JsonNode {
  count.add(depth);
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map((item: unknown) => nodeOf(item, depth + 1, count));
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return null;
  return new Map(Object.entries(value).map(([key, field]) => [key, nodeOf(field, depth + 1, count)]));
}
