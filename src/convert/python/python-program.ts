import type { Expression } from './expression.ts';
import { ExpressionParser } from './expression-parser.ts';
import { logicalLines } from './python-lexer.ts';
import type { LogicalLine, Token } from './python-tokens.ts';

/**
 * What of a program matters for the calls in it, in its order. `block` is the way to the statement through functions
 * and conditions: what is assigned in a block has that value only there.
 */
export type Statement = { readonly line: number; readonly block: readonly Block[] } & (
  | { readonly kind: 'import'; readonly name: string; readonly path: string }
  | { readonly kind: 'assignment'; readonly names: readonly string[]; readonly read: () => Expression }
  /** The names get values that are not known, such as parameters. */
  | { readonly kind: 'binding'; readonly names: readonly string[] }
  /** The call of a name such as `tasks.docker_run`, or of something below it. */
  | { readonly kind: 'use'; readonly name: string; readonly read: () => Expression | undefined }
);

/** The body of a function or class, or of a condition or loop. */
export type Block = { readonly kind: 'function' | 'condition' };

/** @throws SyntaxProblem for a program that cannot be read */
export function statementsOf(program: string): Statement[] {
  const open: { readonly indent: number; readonly block: Block }[] = [];
  return logicalLines(program).flatMap((line) => {
    while ((open.at(-1)?.indent ?? -1) >= line.indent) open.pop();
    const block = open.map((one) => one.block);
    const kind = blockKindOf(line);
    const own: Block[] = kind === undefined ? [] : [{ kind }];
    const [header] = own;
    if (header !== undefined) open.push({ indent: line.indent, block: header });
    // The parameters of a function are names of its body.
    return statementOf(line, program, [...block, ...own]);
  });
}

const functionWords = ['def', 'class'];
const conditionWords = ['if', 'elif', 'else', 'for', 'while', 'try', 'except', 'finally', 'match', 'case'];

/** Undefined for a statement without a body. */
function blockKindOf({ tokens }: LogicalLine): Block['kind'] | undefined {
  const first = tokens[0]?.text === 'async' ? tokens[1] : tokens[0];
  if (first?.kind !== 'name' || !tokens.some(({ text }) => text === ':')) return undefined;
  if (functionWords.includes(first.text)) return 'function';
  const isWord = conditionWords.includes(first.text);
  // `match` and `case` are also names.
  return isWord && (tokens.at(-1)?.text === ':' || !isAssignment(tokens)) ? 'condition' : undefined;
}

function isAssignment(tokens: readonly Token[]): boolean {
  return tokens[1]?.text === '=' || tokens[1]?.text === ':';
}

function statementOf({ tokens }: LogicalLine, program: string, block: readonly Block[]): Statement[] {
  const [first] = tokens;
  if (first === undefined) return [];
  const place = { line: first.line, block };
  if (first.text === 'import' || first.text === 'from')
    return importsOf(tokens).map((one) => ({ ...place, kind: 'import', ...one }));
  const uses = usesOf(tokens, program).map((use): Statement => ({ block, kind: 'use', ...use }));
  const assignment = assignmentOf(tokens, program);
  if (assignment !== undefined) return [...uses, { ...place, kind: 'assignment', ...assignment }];
  const names = boundNames(tokens);
  const bindings: Statement[] = names.length === 0 ? [] : [{ ...place, kind: 'binding', names }];
  const defined = definedName(tokens);
  if (defined !== undefined)
    bindings.push({ ...place, block: block.slice(0, -1), kind: 'binding', names: [defined] });
  return [...bindings, ...uses];
}

type Import = { readonly name: string; readonly path: string };

/** `import a.b as c`, `import a.b` (which binds `a`), and `from a.b import c as d, e`. */
function importsOf(tokens: readonly Token[]): Import[] {
  const words = tokens.map(({ text }) => text).filter((text) => text !== '(' && text !== ')');
  const [keyword, ...rest] = words;
  const split = keyword === 'from' ? rest.indexOf('import') : -1;
  if (keyword === 'from' && split === -1) return [];
  const before = keyword === 'from' ? `${rest.slice(0, split).join('')}.` : '';
  const given = rest
    .slice(split + 1)
    .join(' ')
    .split(',');
  return given.flatMap((text): Import[] => {
    const [path = '', name] = text.trim().split(/ as /);
    const joined = path.replaceAll(' ', '');
    if (joined === '' || joined === '*') return [];
    if (name !== undefined) return [{ name: name.trim(), path: before + joined }];
    if (keyword === 'from') return [{ name: joined, path: before + joined }];
    const [root = joined] = joined.split('.');
    return [{ name: root, path: root }];
  });
}

/** `a = b = value`, or `a: T = value`; undefined for other targets. */
function assignmentOf(
  tokens: readonly Token[],
  program: string,
): { readonly names: readonly string[]; readonly read: () => Expression } | undefined {
  const names: string[] = [];
  let at = annotationEnd(tokens);
  if (at > 0) names.push(tokens[0]?.text ?? '');
  else {
    for (; tokens[at]?.kind === 'name' && tokens[at + 1]?.text === '='; at += 2)
      names.push(tokens[at]?.text ?? '');
  }
  if (names.length === 0 || at >= tokens.length) return undefined;
  return { names, read: () => new ExpressionParser(tokens, program, at).whole() };
}

/** The index after `a: T =`, or 0. */
function annotationEnd(tokens: readonly Token[]): number {
  if (tokens[0]?.kind !== 'name' || tokens[1]?.text !== ':' || blockWords.includes(tokens[0].text)) return 0;
  return tokens.findIndex(({ kind, text }) => kind === 'operator' && text === '=') + 1;
}

const blockWords = [...functionWords, ...conditionWords, 'with', 'lambda'];

const changes = [
  'append',
  'extend',
  'insert',
  'update',
  'pop',
  'remove',
  'clear',
  'setdefault',
  'sort',
  'add',
];

/** Names that a statement gives or changes in a way that is not followed. */
function boundNames(tokens: readonly Token[]): string[] {
  const [first, second] = tokens;
  if (first?.kind !== 'name') return [];
  if (definedName(tokens) !== undefined) return parametersIn(tokens);
  const named = tokens.flatMap(({ text }, index) => (text === 'as' ? (tokens[index + 1]?.text ?? []) : []));
  const loop = tokens.slice(0, 2).findIndex(({ text }) => text === 'for');
  if (loop !== -1) return [...named, ...namesBetween(tokens, loop + 1, 'in')];
  if (second?.text === ',') return [...named, ...namesBetween(tokens, 0, '=')];
  return isChanged(tokens) ? [...named, first.text] : named;
}

/** The name of a function or class. */
function definedName(tokens: readonly Token[]): string | undefined {
  const word = tokens
    .slice(0, 2)
    .findIndex(({ kind, text }) => kind === 'name' && functionWords.includes(text));
  return word === -1 ? undefined : tokens[word + 1]?.text;
}

/** `args.append(…)`, `volumes['/a'] = …`, `args += …` */
function isChanged([, second, third, ...rest]: readonly Token[]): boolean {
  if (second?.text === '.') return changes.includes(third?.text ?? '');
  if (second?.text === '[') return rest.some(({ text }) => text === '=');
  return /^[^=!<>]{1,2}=$/.test(second?.text ?? '');
}

function namesBetween(tokens: readonly Token[], from: number, end: string): string[] {
  const until = tokens.findIndex(({ text }, index) => index >= from && text === end);
  return tokens
    .slice(from, Math.max(from, until))
    .flatMap(({ kind, text }) => (kind === 'name' ? [text] : []));
}

/** The words of a header that are followed by what ends a parameter; a word of a default does no harm. */
function parametersIn(tokens: readonly Token[]): string[] {
  return tokens.flatMap(({ kind, text }, index) => {
    const next = tokens[index + 1]?.text ?? '';
    return kind === 'name' && /^[,):=]$/.test(next) ? [text] : [];
  });
}

type Use = { readonly line: number; readonly name: string; readonly read: () => Expression | undefined };

/** What before a name says that nothing called this is used. */
const notUsed = ['.', ...functionWords];

/** Every name in a statement of which something is called, the outermost first. */
function usesOf(tokens: readonly Token[], program: string): Use[] {
  return tokens.flatMap(({ kind, line }, at): Use[] => {
    if (kind !== 'name' || notUsed.includes(tokens[at - 1]?.text ?? '')) return [];
    let end = at;
    while (tokens[end + 1]?.text === '.' && tokens[end + 2]?.kind === 'name') end += 2;
    if (tokens[end + 1]?.text !== '(') return [];
    const name = tokens.slice(at, end + 1).map(({ text }) => text);
    return [{ line, name: name.join(''), read: () => new ExpressionParser(tokens, program, at).chain() }];
  });
}
