import type { Compound, PyKey, PyObject, PyValue } from './python-value.ts';
import { quote, Refusal } from './refusal.ts';
import { kindOf } from './class-kinds.ts';

/** How many values all options of a message may have together; references multiply. */
export const mostValues = 10_000;

/** Turns options of docker-py into JSON: dictionaries, and the dictionaries with a class of their own in docker.types. */
export class PlainData {
  #left = mostValues;

  /** `field` is the keyword, for messages. Undefined for None; inside of a value it is null. */
  of(value: PyValue, field: string): unknown {
    this.#left -= 1;
    if (this.#left < 0) throw new Refusal(`the options of the container have more than ${mostValues} values`);
    if (value === null) return undefined;
    if (typeof value === 'bigint') return integer(value, field);
    if (typeof value === 'number') return finite(value, field);
    return typeof value === 'object' ? this.#compound(value, field) : value;
  }

  #compound(value: Compound, field: string): unknown {
    switch (value.kind) {
      case 'list':
      case 'tuple':
      case 'set':
        return value.items.map((item) => this.of(item, field) ?? null);
      case 'dict':
        return this.#dictionary(value.entries, field);
      case 'object':
        return this.#object(value, field);
      default:
        throw new Refusal(`${field} has a value that is not text, number, list or dictionary`);
    }
  }

  #object(object: PyObject, field: string): unknown {
    const kind = kindOf(object);
    const isOption = kind !== undefined && optionKinds.has(kind);
    if (isOption && isEmptied(object))
      throw new Refusal(
        `${field} has a ${kind} without its contents, which jsonpickle before 3 leaves out on Python 3.11; pass a dictionary, or update jsonpickle in Girder`,
      );
    if (isOption) return this.#dictionary(object.attributes, field);
    throw new Refusal(
      `${field} has an object of the class ${quote(object.className)}; objects can stand only in container_args, entrypoint and environment`,
    );
  }

  #dictionary(entries: ReadonlyMap<string | PyKey, PyValue>, field: string): Record<string, unknown> {
    const members = [...entries].flatMap(([key, member]): [string, unknown][] => {
      const name = typeof key === 'string' ? key : key.text;
      if (name === '__dict__') return [];
      if (name === '__proto__' || name.length > 1024)
        throw new Refusal(`${field} has a key that no option can have`);
      return [[name, this.of(member, field) ?? null]];
    });
    return Object.fromEntries(members);
  }
}

/** A subclass of dict has only the state None then, and would be an option without any value. */
function isEmptied({ attributes }: PyObject): boolean {
  const names = [...attributes.keys()].filter((name) => name !== '__dict__');
  return names.length === 1 && names[0] === 'py/state' && attributes.get('py/state') === null;
}

const optionKinds: ReadonlySet<string> = new Set([
  'DeviceRequest',
  'Ulimit',
  'LogConfig',
  'Mount',
  'Healthcheck',
]);

function integer(value: bigint, field: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new Refusal(`${field} has an integer beyond 2^53`);
}

function finite(value: number, field: string): number {
  if (Number.isFinite(value)) return value;
  throw new Refusal(`${field} has a number that is not finite`);
}
