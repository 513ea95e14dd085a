/**
 * The expressions of Python that a call of docker_run is written with. `line` is that of its first token; `source` is
 * the expression as it is written, on one line and cut if it is long.
 */
export type Expression = { readonly line: number } & (
  | { readonly kind: 'constant'; readonly value: null | boolean | bigint | number | string }
  | { readonly kind: 'name'; readonly name: string }
  | AttributeExpression
  | CallExpression
  | { readonly kind: 'list' | 'tuple' | 'set'; readonly items: readonly Expression[] }
  | { readonly kind: 'dict'; readonly entries: readonly (readonly [Expression, Expression])[] }
  | { readonly kind: 'sum'; readonly terms: readonly Expression[] }
  | OtherExpression
);

type AttributeExpression = {
  readonly kind: 'attribute';
  readonly of: Expression;
  readonly name: string;
  readonly source: string;
};

export type CallExpression = {
  readonly kind: 'call';
  readonly called: Expression;
  readonly args: readonly CallArgument[];
  readonly source: string;
};

/** Anything else, of which only the text is known. */
type OtherExpression = {
  readonly kind: 'other';
  readonly source: string;
  /** Why it has no value here. */
  readonly why: string;
};

/** `spread` is `*` or `**` before the value. */
export type CallArgument = {
  readonly keyword: string | undefined;
  readonly spread: '' | '*' | '**';
  readonly value: Expression;
};

/** `a.b.c` of names; undefined for another expression. */
export function dottedName(expression: Expression): string | undefined {
  if (expression.kind === 'name') return expression.name;
  if (expression.kind !== 'attribute') return undefined;
  const before = dottedName(expression.of);
  return before === undefined ? undefined : `${before}.${expression.name}`;
}
