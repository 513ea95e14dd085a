import { Type } from 'typebox';
import { defined } from '../json-values.ts';
import { mapOf } from '../keywords.ts';

/** Every length is bounded: the API server's cost estimate of CEL rules requires it. */
const longestText = 256;

export function text(description: string, pattern?: string, maxLength = 1024) {
  return Type.String({ description, ...defined({ pattern }), minLength: 1, maxLength });
}

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

export function mapOfText(description: string, { maxProperties = 64 } = {}) {
  return mapOf(Type.String({ maxLength: 1024 }), { description, maxProperties });
}

/** By default from 0 to the largest integer that JSON represents exactly. */
export function integer(description: string, { minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = {}) {
  return Type.Integer({ description, minimum, maximum });
}

/** For options where docker-py accepts either a number or a text. */
export function intOrString(description: string, options: { maxLength: number; pattern?: string }) {
  return Type.Unsafe<string | number>({
    description,
    anyOf: [{ type: 'integer' }, { type: 'string' }],
    ...options,
    'x-kubernetes-int-or-string': true,
  });
}

/** Bytes as in docker-py: a number, or a text with a unit (b, k, m, g, t), each 1024 times the one before. */
export function size(description: string) {
  return intOrString(`${description} In bytes, or with a unit: 512k, 64m, 1g.`, {
    pattern: '^(-1|[0-9]+([.][0-9]+)?([bB]|[kKmMgGtT][bB]?)?)$',
    maxLength: 32,
  });
}

export function deviceRates(description: string) {
  const rate = Type.Object({
    path: text('The device of the node.', '^/'),
    rate: integer('The limit per second.'),
  });
  return Type.Array(rate, { description, maxItems: 32 });
}
