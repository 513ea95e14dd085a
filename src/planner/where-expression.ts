import { createContext, Script } from 'node:vm';
import { Environment } from '@marcbachmann/cel-js';
import { isRecord } from '../api/json-values.ts';
import { describe, errorCode, RunError } from '../support/errors.ts';

/** Parts of an expression. Each is evaluated at most once for an entry of a list in the metadata. */
const limits = { maxAstNodes: 1_000, maxDepth: 64, maxListElements: 256, maxMapEntries: 64 } as const;

/** Milliseconds for the evaluation for one input. */
export const longestWhereMs = 100;

/** What an input is for `where`; undefined if the expression is true for it, else a sentence. */
export type Where = (item: Readonly<Record<string, unknown>>) => string | undefined;

/** Functions whose time grows only with the length of the expression and of a text. Others get a deadline. */
const quick = new Set(
  'has size int uint double string bool dyn type timestamp duration startsWith endsWith contains'.split(' '),
);

/**
 * Compiles `spec.source.where`.
 * @throws RunError InvalidSpec
 */
export function compileWhere(expression: string): Where {
  const evaluate = compiled(expression);
  const called = [...expression.matchAll(/\b([A-Za-z_]\w*)\s*\(/g)].map(([, name = '']) => name);
  // A comment may stand between a name and its parenthesis.
  const isQuick = !expression.includes('//') && called.every((name) => quick.has(name));
  const bounded = isQuick ? evaluate : withDeadline(evaluate);
  return (item) => {
    try {
      const value = bounded(item);
      if (value === true) return undefined;
      return value === false ? 'where is false for it' : 'where is neither true nor false for it';
    } catch (error) {
      if (errorCode(error) === 'ERR_SCRIPT_EXECUTION_TIMEOUT') {
        return `where took longer than ${longestWhereMs} ms for it`;
      }
      return `where failed for it: ${firstLine(error)}`;
    }
  };
}

type Evaluate = (item: Readonly<Record<string, unknown>>) => unknown;

function compiled(expression: string): Evaluate {
  const environment = new Environment({ limits }).registerVariable('item', 'map');
  try {
    const parsed = environment.parse(expression);
    const { valid, type, error } = parsed.check();
    if (!valid) throw error ?? new TypeError('it is not valid');
    if (type !== 'bool' && type !== 'dyn') throw new TypeError(`it is a ${type}, not true or false`);
    return (item) => parsed({ item: withIntegers(item) }) as unknown;
  } catch (error) {
    throw new RunError('InvalidSpec', `spec.source.where is not a CEL expression: ${firstLine(error)}`);
  }
}

/** Node can stop code that runs too long only where it was called from a script with a timeout. */
function withDeadline(evaluate: Evaluate): Evaluate {
  const shared: { run: () => unknown } = { run: () => undefined };
  const context = createContext(shared);
  const script = new Script('run()');
  return (item) => {
    shared.run = () => evaluate(item);
    return script.runInContext(context, { timeout: longestWhereMs }) as unknown;
  };
}

/** Whole numbers of JSON are ints of CEL. */
function withIntegers(value: unknown): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(withIntegers);
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withIntegers(member)]));
}

function firstLine(error: unknown): string {
  return describe(error).split('\n')[0]?.slice(0, 300) ?? '';
}
