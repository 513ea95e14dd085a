import { isPyObject, itemsOf, type PyValue } from '../../calls/python-value.ts';

/**
 * A number or text of a class of its own, which plugins pass as they found it: MongoDB's driver has one for integers of
 * 64 bits, such as the size of a large file, and NumPy for each of its types. Undefined for everything else.
 */
export function scalarOf(className: string, args: readonly PyValue[]): PyValue | undefined {
  switch (className) {
    case 'bson.int64.Int64': {
      const [value] = args;
      return typeof value === 'bigint' ? value : undefined;
    }
    case 'numpy._core.multiarray.scalar':
    case 'numpy.core.multiarray.scalar':
      return numpyScalar(args);
    default:
      return undefined;
  }
}

/** Of a type and its bytes. */
function numpyScalar([type, data]: readonly PyValue[]): PyValue | undefined {
  if (!isPyObject(type) || typeof data !== 'object' || data?.kind !== 'bytes') return undefined;
  const [, given, state] = itemsOf(type.attributes.get('py/reduce')) ?? [];
  const [name] = itemsOf(given) ?? [];
  const [, order] = itemsOf(state) ?? [];
  // The order of the bytes; `|` where there is only one, and `=` for that of the machine.
  if (typeof name !== 'string' || order === '>') return undefined;
  const bytes = Buffer.from(data.bytes);
  return Object.hasOwn(readers, name) ? readers[name]?.(bytes) : textOf(name, bytes);
}

const sized = (length: number, read: (bytes: Buffer) => PyValue) => (bytes: Buffer) =>
  bytes.length === length ? read(bytes) : undefined;

/** By NumPy's names of its types. */
const readers: Readonly<Record<string, (bytes: Buffer) => PyValue | undefined>> = {
  b1: sized(1, (bytes) => bytes.readUInt8() !== 0),
  i1: sized(1, (bytes) => BigInt(bytes.readInt8())),
  i2: sized(2, (bytes) => BigInt(bytes.readInt16LE())),
  i4: sized(4, (bytes) => BigInt(bytes.readInt32LE())),
  i8: sized(8, (bytes) => bytes.readBigInt64LE()),
  u1: sized(1, (bytes) => BigInt(bytes.readUInt8())),
  u2: sized(2, (bytes) => BigInt(bytes.readUInt16LE())),
  u4: sized(4, (bytes) => BigInt(bytes.readUInt32LE())),
  u8: sized(8, (bytes) => bytes.readBigUInt64LE()),
  f4: sized(4, (bytes) => shortest(bytes.readFloatLE())),
  f8: sized(8, (bytes) => bytes.readDoubleLE()),
};

/** In decimal digits: so many identify every number of 32 bits. */
const digits = 9;

/** The number with the fewest digits that is this one in 32 bits, as NumPy prints it: 0.1, not 0.10000000149011612. */
function shortest(value: number): number {
  for (let precision = 1; precision < digits; precision += 1) {
    const short = Number(value.toPrecision(precision));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

/** A text, of which each character has four bytes. */
function textOf(name: string, bytes: Buffer): string | undefined {
  if (!/^U\d+$/.test(name) || bytes.length % 4 !== 0) return undefined;
  const codes = Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readUInt32LE(4 * index));
  if (codes.some((code) => code > 0x10_ffff)) return undefined;
  // NumPy fills a text up with zeros.
  const end = codes.findLastIndex((code) => code !== 0) + 1;
  return codes
    .slice(0, end)
    .map((code) => String.fromCodePoint(code))
    .join('');
}
