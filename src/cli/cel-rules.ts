import { Environment, type ParseResult } from '@marcbachmann/cel-js';
import { partsOf, type Part } from '../api/structural.ts';
import { describe } from '../support/errors.ts';
import { isRecord } from '../support/narrow.ts';

const environment = new Environment().registerVariable('self', 'dyn');
const compiled = new Map<string, ParseResult>();

/**
 * One sentence for each CEL rule of the schema that the value breaks, with the message that the API server would
 * give. The value must have passed the rest of the schema; rules about the change of a stored object are left out.
 */
export function brokenRules({ schema, value, path }: Part): string[] {
  return brokenBy({ schema, value: celValue(value), path });
}

function brokenBy(part: Part): string[] {
  const rules = part.schema?.['x-kubernetes-validations'] ?? [];
  const broken = rules.flatMap(({ rule, message }) => {
    if (/\boldSelf\b/.test(rule)) return [];
    const verdict = evaluate(rule, part.value);
    return verdict === true ? [] : [`${part.path}: ${verdict === false ? message : verdict}`];
  });
  return [...broken, ...partsOf(part).flatMap(brokenBy)];
}

/** Compiles a rule, once. @throws when it is no CEL expression, or none with a boolean for its value */
export function compileRule(rule: string): ParseResult {
  const known = compiled.get(rule);
  if (known !== undefined) return known;
  const { valid, type, error } = environment.check(rule);
  if (!valid) throw error ?? new TypeError(`${rule} is no CEL expression`);
  if (type !== 'bool') throw new TypeError(`${rule} is of type ${type}, and a rule must be a bool`);
  const parsed = environment.parse(rule);
  compiled.set(rule, parsed);
  return parsed;
}

/** Whether the rule holds, or why that cannot be told; the API server refuses such a value too. */
function evaluate(rule: string, self: unknown): boolean | string {
  try {
    const verdict: unknown = compileRule(rule)({ self });
    return verdict === true;
  } catch (error) {
    return `the rule ${rule} cannot be evaluated: ${describe(error).split('\n')[0]}`;
  }
}

/** JSON as CEL sees it, where whole numbers are integers and not floating-point numbers. */
function celValue(value: unknown): unknown {
  if (Number.isSafeInteger(value)) return BigInt(Number(value));
  if (Array.isArray(value)) return value.map(celValue);
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, celValue(field)]));
}
