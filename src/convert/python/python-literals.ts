import { SyntaxProblem, type Token } from './python-tokens.ts';

/** A string or number as it is written, and whether it has parts that only Python can fill in. */
export type StringLiteral = {
  readonly text: string;
  readonly isFormatted: boolean;
  readonly isBytes: boolean;
};

/** The value of one string token; that of an f-string is only its text. @throws SyntaxProblem */
export function stringLiteral({ text, line }: Token): StringLiteral {
  const [, prefix = '', quote = ''] = /^([A-Za-z]*)('''|"""|'|")/.exec(text) ?? [];
  const body = text.slice(prefix.length + quote.length, -quote.length).replaceAll('\r\n', '\n');
  const has = (letter: string) => prefix.toLowerCase().includes(letter);
  if (!/^(|[rRuUbBfFtT]|[rR][bBfFtT]|[bBfFtT][rR])$/.test(prefix))
    throw new SyntaxProblem(line, `a string has the unknown prefix ${prefix}`);
  const isFormatted = has('f') || has('t');
  return { text: has('r') || isFormatted ? body : unescaped(body, line), isFormatted, isBytes: has('b') };
}

const single: Readonly<Record<string, string>> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** https://docs.python.org/3/reference/lexical_analysis.html#escape-sequences; an unknown one stays as it is. */
const escape = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|(N\{)|([^]))/gu;

function unescaped(body: string, line: number): string {
  return body.replace(escape, (...groups) => {
    const [whole, x, u, U, octal, named, letter] = groups as (string | undefined)[];
    if (named !== undefined)
      throw new SyntaxProblem(
        line,
        'a string has a character by its name (\\N{…}); write the character itself',
      );
    const code = octal === undefined ? parseInt(x ?? u ?? U ?? '', 16) : parseInt(octal, 8);
    if (!Number.isNaN(code)) {
      if (code > 0x10ffff) throw new SyntaxProblem(line, 'a string has an escape that is no character');
      return String.fromCodePoint(code);
    }
    return (letter === undefined ? undefined : single[letter]) ?? whole ?? '';
  });
}

/** In digits: Python's own limit, https://docs.python.org/3/library/stdtypes.html#int-max-str-digits. */
const longestInteger = 4300;

/** An integer is a bigint, as in Python; undefined for a complex number. @throws SyntaxProblem */
export function numberLiteral({ text, line }: Token): bigint | number | undefined {
  if (text.length > longestInteger)
    throw new SyntaxProblem(line, `a number has more than ${longestInteger} digits`);
  const digits = text.replaceAll('_', '');
  if (/[jJ]$/.test(digits) && !/^0[xX]/.test(digits)) return undefined;
  if (/^(0[xXoObB]|[0-9]+$)/.test(digits))
    return BigInt(/^[0-9]+$/.test(digits) ? digits : digits.toLowerCase());
  return Number(digits);
}
