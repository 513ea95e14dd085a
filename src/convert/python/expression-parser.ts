import type { CallArgument, Expression } from './expression.ts';
import { numberLiteral, stringLiteral } from './python-literals.ts';
import { SyntaxProblem, type Token } from './python-tokens.ts';

/** How many attributes and calls may follow each other. */
const longestChain = 64;

/** In characters; a longer text of an expression is cut in messages. */
const longestSource = 200;

const beyond = 'only Python can work it out';
const formatted = 'it is an f-string, whose value only Python has';

/** Words that begin or join expressions of which only Python has the value. */
const keywords = new Set([
  'and',
  'as',
  'async',
  'await',
  'else',
  'for',
  'from',
  'if',
  'in',
  'is',
  'lambda',
  'not',
  'or',
  'yield',
]);

const words: ReadonlyMap<string, null | boolean> = new Map([
  ['None', null],
  ['True', true],
  ['False', false],
]);

/** Thrown where the text is no expression of this subset; the element that it is part of is then only a text. */
class Beyond extends Error {}

/** Reads expressions out of the tokens of one statement. Its time is linear in their number and the depth of brackets. */
export class ExpressionParser {
  readonly #tokens: readonly Token[];
  readonly #program: string;
  #at: number;

  constructor(tokens: readonly Token[], program: string, at = 0) {
    this.#tokens = tokens;
    this.#program = program;
    this.#at = at;
  }

  /** The index of the next token. */
  get at(): number {
    return this.#at;
  }

  /** The expression until the end of the statement; without brackets, commas make a tuple. */
  whole(): Expression {
    const start = this.#at;
    try {
      const items = this.#elements('');
      const [first] = items;
      if (first === undefined) throw new SyntaxProblem(this.#line, 'a value is missing');
      const hasComma = items.length > 1 || this.#tokens[this.#at - 1]?.text === ',';
      return hasComma ? { kind: 'tuple', items, line: first.line } : first;
    } catch (error) {
      if (!(error instanceof Beyond)) throw error;
      this.#at = this.#tokens.length;
      return this.#otherFrom(start, beyond);
    }
  }

  /** A name with what follows it, such as `docker_run.delay(…)`; undefined if it is beyond this subset. */
  chain(): Expression | undefined {
    const start = this.#at;
    try {
      return this.#postfix();
    } catch (error) {
      if (!(error instanceof Beyond)) throw error;
      this.#at = start;
      return undefined;
    }
  }

  get #line(): number {
    return (this.#tokens[this.#at] ?? this.#tokens.at(-1))?.line ?? 1;
  }

  #peek(text: string): boolean {
    const token = this.#tokens[this.#at];
    return token?.kind === 'operator' && token.text === text;
  }

  #take(text: string): boolean {
    if (!this.#peek(text)) return false;
    this.#at += 1;
    return true;
  }

  /** The elements up to a closing bracket, which is taken as well; an empty one is the end of the statement. */
  #elements(closing: string): Expression[] {
    const items: Expression[] = [];
    while (!this.#isEnd(closing)) {
      items.push(this.#element(closing));
      if (!this.#take(',')) break;
    }
    if (closing !== '' && !this.#take(closing)) throw new Beyond();
    return items;
  }

  #isEnd(closing: string): boolean {
    return closing === '' ? this.#at >= this.#tokens.length : this.#peek(closing);
  }

  /** One element up to a comma, a closing bracket, or another `stop`. */
  #element(closing: string, stop = ''): Expression {
    const start = this.#at;
    const isOver = () => this.#isEnd(closing) || this.#peek(',') || (stop !== '' && this.#peek(stop));
    try {
      const found = this.#sum();
      if (isOver()) return found;
    } catch (error) {
      if (!(error instanceof Beyond)) throw error;
    }
    this.#at = start;
    return this.#other(start, isOver);
  }

  /** Skips to the end of an element; brackets are balanced, as the lexer has checked. */
  #other(start: number, isOver: () => boolean): Expression {
    // A spread and a comprehension make all that is around them another kind of expression.
    if (this.#peek('*') || this.#peek('**')) throw new Beyond();
    let [depth, why] = [0, beyond];
    for (let token = this.#tokens[this.#at]; token !== undefined; token = this.#tokens[this.#at]) {
      if (depth === 0 && isOver()) break;
      depth += depthChange(token);
      if (depth < 0) break;
      if (depth === 0 && isWord(token, 'for')) throw new Beyond();
      if (isFormatted(token)) why = formatted;
      this.#at += 1;
    }
    if (this.#at === start) throw new Beyond();
    return this.#otherFrom(start, why);
  }

  #otherFrom(start: number, why: string): Expression {
    return { kind: 'other', source: this.#sourceFrom(start), why, line: this.#tokens[start]?.line ?? 1 };
  }

  /** The text of the tokens from this one to the last that was taken. */
  #sourceFrom(start: number): string {
    const [from = 0, to = from] = [this.#tokens[start]?.start, this.#tokens[this.#at - 1]?.end];
    const text = this.#program.slice(from, Math.min(to, from + 4 * longestSource)).replace(/\s+/g, ' ');
    return text.length <= longestSource ? text : `${text.slice(0, longestSource)}…`;
  }

  #sum(): Expression {
    const terms = [this.#unary()];
    while (this.#take('+')) terms.push(this.#unary());
    const [first] = terms;
    if (first === undefined) throw new Beyond();
    return terms.length === 1 ? first : { kind: 'sum', terms, line: first.line };
  }

  #unary(): Expression {
    const line = this.#line;
    const isNegative = this.#peek('-');
    if (!isNegative && !this.#peek('+')) return this.#postfix();
    this.#at += 1;
    const token = this.#tokens[this.#at];
    const value = token?.kind === 'number' ? numberLiteral(token) : undefined;
    if (value === undefined) throw new Beyond();
    this.#at += 1;
    return { kind: 'constant', value: isNegative ? -value : value, line };
  }

  #postfix(): Expression {
    const start = this.#at;
    let found = this.#primary();
    for (let length = 0; ; length += 1) {
      if (length > longestChain) throw new SyntaxProblem(found.line, 'an expression is too long');
      if (this.#take('.')) found = this.#attribute(found, start);
      else if (this.#take('(')) found = this.#call(found, start);
      else if (this.#peek('[')) found = this.#subscript(start);
      else return found;
    }
  }

  #attribute(of: Expression, start: number): Expression {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'name') throw new Beyond();
    this.#at += 1;
    if (of.kind === 'other') return this.#otherFrom(start, of.why);
    return { kind: 'attribute', of, name: token.text, source: this.#sourceFrom(start), line: of.line };
  }

  #call(called: Expression, start: number): Expression {
    const args: CallArgument[] = [];
    while (!this.#peek(')')) {
      args.push(this.#argument());
      if (!this.#take(',')) break;
    }
    if (!this.#take(')')) throw new Beyond();
    if (called.kind === 'other') return this.#otherFrom(start, called.why);
    return { kind: 'call', called, args, source: this.#sourceFrom(start), line: called.line };
  }

  #argument(): CallArgument {
    for (const spread of ['**', '*'] as const)
      if (this.#take(spread)) return { keyword: undefined, spread, value: this.#element(')') };
    const [token, next] = [this.#tokens[this.#at], this.#tokens[this.#at + 1]];
    if (token?.kind !== 'name' || next?.kind !== 'operator' || next.text !== '=')
      return { keyword: undefined, spread: '', value: this.#element(')') };
    this.#at += 2;
    return { keyword: token.text, spread: '', value: this.#element(')') };
  }

  /** Only Python has the elements of an object. */
  #subscript(start: number): Expression {
    let depth = 0;
    do {
      const token = this.#tokens[this.#at];
      if (token === undefined) throw new Beyond();
      depth += depthChange(token);
      this.#at += 1;
    } while (depth > 0);
    return this.#otherFrom(start, beyond);
  }

  #primary(): Expression {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new Beyond();
    const { kind, text, line } = token;
    if (kind === 'string') return this.#strings();
    this.#at += 1;
    if (kind === 'number') {
      const value = numberLiteral(token);
      if (value === undefined) throw new Beyond();
      return { kind: 'constant', value, line };
    }
    if (kind === 'name') {
      const word = words.get(text);
      if (word !== undefined) return { kind: 'constant', value: word, line };
      if (keywords.has(text)) throw new Beyond();
      return { kind: 'name', name: text, line };
    }
    if (text === '(') return this.#parenthesized(line);
    if (text === '[') return { kind: 'list', items: this.#elements(']'), line };
    if (text === '{') return this.#braces(line);
    throw new Beyond();
  }

  #parenthesized(line: number): Expression {
    const items = this.#elements(')');
    const [first] = items;
    const hasComma = this.#tokens[this.#at - 2]?.text === ',';
    return first !== undefined && items.length === 1 && !hasComma ? first : { kind: 'tuple', items, line };
  }

  #braces(line: number): Expression {
    if (this.#take('}')) return { kind: 'dict', entries: [], line };
    const first = this.#element('}', ':');
    return this.#peek(':') ? this.#dict(first, line) : this.#set(first, line);
  }

  #set(first: Expression, line: number): Expression {
    const others = this.#take(',') ? this.#elements('}') : [];
    const isClosed = this.#tokens[this.#at - 1]?.text === '}' || this.#take('}');
    if (!isClosed) throw new Beyond();
    return { kind: 'set', items: [first, ...others], line };
  }

  #dict(first: Expression, line: number): Expression {
    const entries: [Expression, Expression][] = [];
    for (let key = first; ; key = this.#element('}', ':')) {
      if (!this.#take(':')) throw new Beyond();
      entries.push([key, this.#element('}')]);
      if (!this.#take(',') || this.#peek('}')) break;
    }
    if (!this.#take('}')) throw new Beyond();
    return { kind: 'dict', entries, line };
  }

  /** Strings beside each other are one. */
  #strings(): Expression {
    const [start, line] = [this.#at, this.#line];
    let [text, why] = ['', ''];
    for (let token = this.#tokens[this.#at]; token?.kind === 'string'; token = this.#tokens[this.#at]) {
      const literal = stringLiteral(token);
      if (literal.isFormatted) why = formatted;
      else if (literal.isBytes) why = 'it is bytes, and not text';
      text += literal.text;
      this.#at += 1;
    }
    return why === '' ? { kind: 'constant', value: text, line } : this.#otherFrom(start, why);
  }
}

/** How a token changes the number of open brackets. */
function depthChange({ kind, text }: Token): number {
  if (kind !== 'operator') return 0;
  if (text === '(' || text === '[' || text === '{') return 1;
  return text === ')' || text === ']' || text === '}' ? -1 : 0;
}

function isWord({ kind, text }: Token, word: string): boolean {
  return kind === 'name' && text === word;
}

function isFormatted({ kind, text }: Token): boolean {
  return kind === 'string' && /^[rR]?[fFtT]/.test(text);
}
