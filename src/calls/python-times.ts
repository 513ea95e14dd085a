import { itemsOf, type PyObject, type PyValue } from './python-value.ts';

/** A time of Python: its `str`, and its `repr` inside of a list. */
export type PythonTime = { readonly text: string; readonly repr: string };

/**
 * Objects of Python's module datetime, as jsonpickle writes them: days, seconds and microseconds of a timedelta, and for
 * the others the bytes of their own pickle. Undefined for another object, and for a time whose zone is not a fixed
 * offset: what that is depends on a database of zones.
 */
export function timeOf(object: PyObject): PythonTime | undefined {
  switch (object.className) {
    case 'datetime.datetime':
      return dateTimeOf(object);
    case 'datetime.date':
      return dateOf(object);
    case 'datetime.time':
      return clockOf(object);
    case 'datetime.timedelta': {
      const span = spanOf(object);
      return span && { text: spanText(span), repr: spanRepr(span) };
    }
    default:
      return undefined;
  }
}

function dateTimeOf(object: PyObject): PythonTime | undefined {
  const { bytes, zone } = partsOf(object, 10) ?? {};
  if (bytes === undefined || zone === undefined) return undefined;
  const day = dayOf(bytes);
  const { text, numbers } = clock(bytes.subarray(4));
  const [second, micro] = numbers.slice(2);
  // As Python leaves out what is zero at the end.
  const shown = micro !== 0 ? numbers : second !== 0 ? numbers.slice(0, 3) : numbers.slice(0, 2);
  const members = [...day, ...shown.map(String), ...zone.repr];
  return { text: `${isoDay(day)} ${text}${zone.text}`, repr: `datetime.datetime(${members.join(', ')})` };
}

function dateOf(object: PyObject): PythonTime | undefined {
  const { bytes } = partsOf(object, 4) ?? {};
  if (bytes === undefined) return undefined;
  const day = dayOf(bytes);
  return { text: isoDay(day), repr: `datetime.date(${day.join(', ')})` };
}

function clockOf(object: PyObject): PythonTime | undefined {
  const { bytes, zone } = partsOf(object, 6) ?? {};
  if (bytes === undefined || zone === undefined) return undefined;
  const { text, numbers } = clock(bytes);
  const [second, micro] = numbers.slice(2);
  const shown = micro !== 0 ? numbers : second !== 0 ? numbers.slice(0, 3) : numbers.slice(0, 2);
  return { text: `${text}${zone.text}`, repr: `datetime.time(${[...shown, ...zone.repr].join(', ')})` };
}

type Zone = { readonly text: string; readonly repr: readonly string[] };
type Parts = { readonly bytes: Buffer; readonly zone: Zone | undefined };

/** `__reduce__`: the class, and a list with the bytes in base64 and the zone if there is one. */
function partsOf(object: PyObject, length: number): Parts | undefined {
  const [, args] = itemsOf(object.attributes.get('__reduce__')) ?? [];
  const [state, zone] = itemsOf(args) ?? [];
  const bytes = typeof state === 'string' ? Buffer.from(state, 'base64') : Buffer.alloc(0);
  return bytes.length === length ? { bytes, zone: zoneOf(zone) } : undefined;
}

type Day = readonly [year: number, month: number, day: number];

/** Bit 7 of the month or hour is `fold`, which is not shown. */
const unfolded = (byte: number) => byte % 128;

function dayOf(bytes: Buffer): Day {
  return [bytes.readUInt16BE(0), unfolded(bytes.readUInt8(2)), bytes.readUInt8(3)];
}

const two = (number: number) => String(number).padStart(2, '0');

function isoDay([year, month, day]: Day): string {
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
}

function clock(bytes: Buffer): { readonly text: string; readonly numbers: readonly number[] } {
  const [hour, minute, second] = [unfolded(bytes.readUInt8(0)), bytes.readUInt8(1), bytes.readUInt8(2)];
  const micro = bytes.readUIntBE(3, 3);
  const text = `${two(hour)}:${two(minute)}:${two(second)}${fraction(micro)}`;
  return { text, numbers: [hour, minute, second, micro] };
}

const fraction = (micro: number) => (micro === 0 ? '' : `.${String(micro).padStart(6, '0')}`);

const noZone: Zone = { text: '', repr: [] };

/** A fixed offset, of Python or of MongoDB's driver. */
function zoneOf(value: PyValue | undefined): Zone | undefined {
  if (value === undefined || value === null) return noZone;
  if (typeof value !== 'object' || value.kind !== 'object') return undefined;
  const [offset, name] = argumentsOf(value);
  const span = spanOf(offset);
  if (span === undefined) return undefined;
  if (value.className === 'bson.tz_util.FixedOffset' && typeof name === 'string')
    return { text: offsetText(span), repr: [`tzinfo=FixedOffset(${spanRepr(span)}, '${name}')`] };
  if (value.className !== 'datetime.timezone' || name !== undefined) return undefined;
  const isUtc = span.every((part) => part === 0);
  const zone = isUtc ? 'datetime.timezone.utc' : `datetime.timezone(${spanRepr(span)})`;
  return { text: offsetText(span), repr: [`tzinfo=${zone}`] };
}

/** What the class of an object was called with. */
function argumentsOf(object: PyObject): readonly PyValue[] {
  return itemsOf(itemsOf(object.attributes.get('py/reduce'))?.[1]) ?? [];
}

/** As Python normalizes it: only the days can be negative. */
type Span = readonly [days: number, seconds: number, microseconds: number];

function spanOf(value: PyValue | undefined): Span | undefined {
  if (typeof value !== 'object' || value?.kind !== 'object') return undefined;
  if (value.className !== 'datetime.timedelta') return undefined;
  const [days, seconds, micro, ...more] = argumentsOf(value).map(Number);
  const isWhole = [days, seconds, micro].every((part) => Number.isSafeInteger(part));
  if (!isWhole || more.length > 0) return undefined;
  return [days ?? 0, seconds ?? 0, micro ?? 0];
}

function spanText([days, seconds, micro]: Span): string {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const time = `${hours}:${two(minutes)}:${two(seconds % 60)}${fraction(micro)}`;
  return days === 0 ? time : `${days} day${Math.abs(days) === 1 ? '' : 's'}, ${time}`;
}

function spanRepr([days, seconds, microseconds]: Span): string {
  const members = Object.entries({ days, seconds, microseconds }).filter(([, part]) => part !== 0);
  const text = members.map(([name, part]) => `${name}=${part}`).join(', ');
  return `datetime.timedelta(${text === '' ? '0' : text})`;
}

/** `+01:00`, or `-00:30`; with seconds where there are some. */
function offsetText([days, seconds]: Span): string {
  const total = days * 86_400 + seconds;
  const size = Math.abs(total);
  const [hours, minutes, rest] = [Math.floor(size / 3600), Math.floor(size / 60) % 60, size % 60];
  const text = `${total < 0 ? '-' : '+'}${two(hours)}:${two(minutes)}`;
  return rest === 0 ? text : `${text}:${two(rest)}`;
}
