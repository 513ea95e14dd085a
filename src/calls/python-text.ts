import type { Compound, PyKey, PyObject, PyValue } from './python-value.ts';
import { plainReprOf, plainTextOf } from './plain-objects.ts';
import { quote, Refusal } from './refusal.ts';

/** How texts and objects of the caller stand in a text of Python. */
export type TextParts = {
  readonly text: (text: string) => string;
  readonly object: (object: PyObject) => string;
};

/** In characters: an argument of a run has at most 32768. It bounds the time as well, since references multiply. */
export const longestPythonText = 65_536;

/**
 * `str(value)` of Python: `True`, `None`, `1e-05`, and the repr of a list.
 * @throws Refusal if it is too long or has a value that is not plain data
 */
export function pythonText(value: PyValue, parts: TextParts): string {
  if (typeof value === 'string') return parts.text(value);
  if (typeof value === 'object' && value?.kind === 'object') {
    const plain = plainTextOf(value);
    return plain === undefined ? parts.object(value) : parts.text(plain);
  }
  return new PythonText(parts).repr(value);
}

/** `repr(value)` of Python. @throws Refusal as pythonText does */
export function pythonRepr(value: PyValue, parts: TextParts): string {
  return new PythonText(parts).repr(value);
}

class PythonText {
  readonly #parts: TextParts;
  #left = longestPythonText;

  constructor(parts: TextParts) {
    this.#parts = parts;
  }

  repr(value: PyValue): string {
    if (typeof value === 'string') return this.#counted(this.#parts.text(quoted(value)));
    return typeof value === 'object' && value !== null ? this.#compound(value) : this.#counted(wordOf(value));
  }

  #compound(value: Compound): string {
    switch (value.kind) {
      case 'list':
        return this.#inside('[', this.#members(value.items), ']');
      case 'tuple':
        return this.#inside('(', this.#members(value.items), value.items.length === 1 ? ',)' : ')');
      case 'set':
        return value.items.length === 0 ? 'set()' : this.#inside('{', this.#members(value.items), '}');
      case 'dict':
        return this.#dict([...value.entries]);
      case 'object':
        return this.#object(value);
      case 'bytes':
        throw new Refusal('bytes cannot be an argument; decode them to a text before the call');
      case 'name':
        throw new Refusal(
          `${quote(value.name)} is a class or function of Python, which cannot be an argument or a variable`,
        );
    }
  }

  #object(value: PyObject): string {
    const plain = plainReprOf(value, quoted);
    return this.#counted(plain === undefined ? `'${this.#parts.object(value)}'` : this.#parts.text(plain));
  }

  #members(items: readonly PyValue[]): string {
    return items.map((item) => this.repr(item)).join(', ');
  }

  #dict(entries: readonly (readonly [string | PyKey, PyValue])[]): string {
    const members = entries.map(([key, member]) => {
      const name = typeof key === 'string' ? this.repr(key) : this.#counted(this.#parts.text(key.repr));
      return `${name}: ${this.repr(member)}`;
    });
    return this.#inside('{', members.join(', '), '}');
  }

  #inside(open: string, members: string, close: string): string {
    this.#counted(open + close);
    return `${open}${members}${close}`;
  }

  #counted(text: string): string {
    this.#left -= text.length + 2;
    if (this.#left < 0) throw new Refusal(`a value has more than ${longestPythonText} characters as text`);
    return text;
  }
}

function wordOf(value: null | boolean | bigint | number): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return typeof value === 'bigint' ? String(value) : floatText(value);
}

/** Python has an exponent of two digits below 1e-4 and from 1e16 on; JavaScript has it elsewhere. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0.0';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    const [digits = '', exponent = ''] = value.toExponential().split('e');
    return `${digits}e${exponent.slice(0, 1)}${exponent.slice(1).padStart(2, '0')}`;
  }
  const text = String(value);
  return text.includes('.') ? text : `${text}.0`;
}

const shortEscapes: Readonly<Record<string, string>> = {
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\\': '\\\\',
};

function quoted(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const inner = text.replace(/[\\\p{C}\p{Z}'"]/gu, (character) => {
    if (character === ' ' || (/['"]/.test(character) && character !== mark)) return character;
    return character === mark ? `\\${mark}` : (shortEscapes[character] ?? codeEscape(character));
  });
  return `${mark}${inner}${mark}`;
}

function codeEscape(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code < 0x100) return `\\x${hex.padStart(2, '0')}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}
