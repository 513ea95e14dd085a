import { Type } from 'typebox';
import { defined } from '../json-values.ts';
import { mapOf } from '../keywords.ts';

/** Kinds of values that several Docker options share; each is bounded, as the API server's cost of rules needs it. */

const longestText = 256;

/** A text, bounded to 1024 characters unless said otherwise. */
export function text(description: string, pattern?: string, maxLength = 1024) {
  return Type.String({ description, ...defined({ pattern }), minLength: 1, maxLength });
}

/** A list of texts. */
export function texts(
  description: string,
  {
    maxItems = 64,
    maxLength = longestText,
    pattern,
  }: { maxItems?: number; maxLength?: number; pattern?: string } = {},
) {
  const item = Type.String(defined({ pattern, maxLength }));
  return Type.Array(item, { description, maxItems });
}

/** A map of texts to texts. */
export function mapOfText(description: string, { maxProperties = 64 } = {}) {
  return mapOf(Type.String({ maxLength: 1024 }), { description, maxProperties });
}

/** A whole number that JSON carries exactly, from 0 on unless said otherwise. */
export function integer(description: string, { minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = {}) {
  return Type.Integer({ description, minimum, maximum });
}

/** A number or a text, where docker-py takes either. */
export function intOrString(description: string, options: { maxLength: number; pattern?: string }) {
  return Type.Unsafe<string | number>({
    description,
    anyOf: [{ type: 'integer' }, { type: 'string' }],
    ...options,
    'x-kubernetes-int-or-string': true,
  });
}

/** Bytes, as docker-py takes them: a number, or a text with a unit (b, k, m, g, t) of 1024. */
export function size(description: string) {
  return intOrString(`${description} In bytes, or with a unit: 512k, 64m, 1g.`, {
    pattern: '^(-1|[0-9]+([.][0-9]+)?([bB]|[kKmMgGtT][bB]?)?)$',
    maxLength: 32,
  });
}

/** Limits on devices of the node. */
export function deviceRates(description: string) {
  const rate = Type.Object({
    path: text('The device of the node.', '^/'),
    rate: integer('The limit.'),
  });
  return Type.Array(rate, { description, maxItems: 32 });
}
