import { type LogicalLine, programBounds, SyntaxProblem, type Token } from './python-tokens.ts';

/** https://docs.python.org/3/reference/lexical_analysis.html; each is sticky and matches at one place. */
const blank = /(?:[ \t\f]|\\\r?\n)+/y;
const comment = /#[^\n]*/y;
const lineEnd = /\r?\n/y;
const stringStart = /([A-Za-z]{0,3})('''|"""|'|")/y;
const number =
  /0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9][0-9_]*)?[jJ]?/y;
const name = /[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*/uy;
const operator = /\*\*=|\/\/=|>>=|<<=|\.\.\.|:=|->|\*\*|\/\/|>>|<<|[-+*/%@&|^=<>!]=|[^\s]/uy;

const closing: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/**
 * The statements of a program, each as its tokens. Indentation is kept, and not checked.
 * @throws SyntaxProblem for a text that is not closed, or beyond the bounds
 */
export function logicalLines(program: string): LogicalLine[] {
  if (program.length > programBounds.characters)
    throw new SyntaxProblem(1, `it has more than ${programBounds.characters} characters`);
  return new Lexer(program.replace(/^\uFEFF/, '')).lines();
}

class Lexer {
  readonly #text: string;
  readonly #lines: LogicalLine[] = [];
  #at = 0;
  #line = 1;
  #tokens: Token[] = [];
  /** The brackets that are open, with the line of each. */
  readonly #open: { readonly closing: string; readonly line: number }[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  lines(): LogicalLine[] {
    while (this.#at < this.#text.length) this.#next();
    this.#endLine();
    const [open] = this.#open;
    if (open !== undefined)
      throw new SyntaxProblem(open.line, `a bracket is never closed with ${open.closing}`);
    return this.#lines;
  }

  #next(): void {
    if (this.#skip(blank) || this.#skip(comment)) return;
    if (this.#skip(lineEnd)) {
      if (this.#open.length === 0) this.#endLine();
      return;
    }
    const quotes = this.#match(stringStart);
    if (quotes?.[2] === undefined) this.#word();
    else this.#string(quotes[0], quotes[2]);
  }

  #word(): void {
    const [digits] = this.#match(number) ?? [];
    if (digits !== undefined) return this.#take('number', digits);
    const [letters] = this.#match(name) ?? [];
    if (letters !== undefined) return this.#take('name', letters);
    const [sign = this.#text.slice(this.#at, this.#at + 1)] = this.#match(operator) ?? [];
    this.#operator(sign);
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text) ?? undefined;
  }

  #skip(pattern: RegExp): boolean {
    const found = this.#match(pattern)?.[0];
    if (found === undefined || found === '') return false;
    this.#advance(found);
    return true;
  }

  #advance(text: string): void {
    this.#at += text.length;
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) this.#line += 1;
  }

  #take(kind: Token['kind'], text: string): void {
    const [line, start] = [this.#line, this.#at];
    this.#advance(text);
    this.#tokens.push({ kind, text, line, start, end: this.#at });
  }

  #operator(text: string): void {
    const closes = closing[text];
    if (closes !== undefined) {
      if (this.#open.length === programBounds.depth)
        throw new SyntaxProblem(this.#line, `brackets are nested more than ${programBounds.depth} deep`);
      this.#open.push({ closing: closes, line: this.#line });
    } else if (Object.values(closing).includes(text)) {
      const open = this.#open.pop();
      if (open?.closing !== text) throw new SyntaxProblem(this.#line, `there is no open bracket for ${text}`);
    }
    if (text === ';' && this.#open.length === 0) this.#semicolon();
    else this.#take('operator', text);
  }

  /** Ends a statement; the next one has the same indentation. */
  #semicolon(): void {
    const [first] = this.#tokens;
    this.#advance(';');
    if (first === undefined) return;
    const indent = this.#indentOf(first);
    this.#lines.push({ indent, tokens: this.#tokens });
    this.#tokens = [];
  }

  #string(opening: string, quote: string): void {
    const [line, body] = [this.#line, this.#at + opening.length];
    let end = body;
    while (!this.#text.startsWith(quote, end)) {
      const character = this.#text[end];
      if (character === undefined || (quote.length === 1 && character === '\n'))
        throw new SyntaxProblem(line, `a string is never closed with ${quote}`);
      end += character === '\\' ? (this.#text.startsWith('\r\n', end + 1) ? 3 : 2) : 1;
    }
    this.#take('string', this.#text.slice(this.#at, end + quote.length));
  }

  #endLine(): void {
    const [first] = this.#tokens;
    if (first !== undefined) this.#lines.push({ indent: this.#indentOf(first), tokens: this.#tokens });
    this.#tokens = [];
  }

  #indentOf({ start }: Token): number {
    const text = this.#text.slice(this.#text.lastIndexOf('\n', start - 1) + 1, start);
    const space = /^[ \t\f]*/.exec(text)?.[0] ?? '';
    return [...space].reduce((column, one) => (one === '\t' ? column + 8 - (column % 8) : column + 1), 0);
  }
}
