import { globSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dockerRunSpec } from '../../../src/api/spec.ts';
import { isRecord } from '../../../src/api/json-values.ts';

/** The longest text that a stranger can pass to a regular expression; a spec has at most 100 KiB. */
const longest = 128 * 1024;

/** What one search may take. A quadratic search needs seconds at the longest text, a linear one about 1 ms. */
const withinMs = 250;

type Found = { where: string; regex: RegExp };

/** Every regular expression that is written as a literal in `src`. */
function literals(): Found[] {
  return globSync('src/**/*.{ts,tsx}').flatMap((file) => {
    const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
    const found: Found[] = [];
    const visit = (node: ts.Node): void => {
      if (ts.isRegularExpressionLiteral(node)) {
        const end = node.text.lastIndexOf('/');
        const flags = node.text.slice(end + 1).replace(/[gy]/g, '');
        const where = `${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
        found.push({ where, regex: new RegExp(node.text.slice(1, end), flags) });
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
    return found;
  });
}

/** Where an expression is built from a text: `atStart` when its module is loaded, else at each call. */
function constructions(): { file: string; atStart: boolean }[] {
  return globSync('src/**/*.{ts,tsx}').flatMap((file) => {
    const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
    const found: { file: string; atStart: boolean }[] = [];
    const visit = (node: ts.Node, atStart: boolean): void => {
      const isCall = ts.isNewExpression(node) || ts.isCallExpression(node);
      if (isCall && node.expression.getText() === 'RegExp') found.push({ file, atStart });
      const inside = atStart && !ts.isFunctionLike(node);
      ts.forEachChild(node, (child) => visit(child, inside));
    };
    visit(source, true);
    return found;
  });
}

/** The expressions that a module builds when it is loaded. */
async function builtBy(file: string): Promise<Found[]> {
  const found: Found[] = [];
  const original = globalThis.RegExp;
  globalThis.RegExp = new Proxy(original, {
    construct(target, [pattern, flags]: [string, string | undefined]) {
      const regex = new target(pattern, flags);
      found.push({ where: file, regex });
      return regex;
    },
  });
  try {
    // With a query, the module is loaded again.
    await import(`${pathToFileURL(file).href}?built`);
  } finally {
    globalThis.RegExp = original;
  }
  return found;
}

/** Builds expressions from what a Secret of the run has; it bounds their text and what they search. */
const buildsAtCalls = ['src/docker/pull/registry-auths.ts'];

/** Every pattern in the schema of the spec. */
function patterns(schema: unknown, path = 'spec'): Found[] {
  if (Array.isArray(schema))
    return schema.flatMap((one: unknown, index) => patterns(one, `${path}.${index}`));
  if (!isRecord(schema)) return [];
  return Object.entries(schema).flatMap(([key, value]) =>
    key === 'pattern' && typeof value === 'string'
      ? [{ where: path, regex: new RegExp(value) }]
      : patterns(value, `${path}.${key}`),
  );
}

/** Pieces that the expression may match: its characters and words, and one of each usual class. */
function piecesOf({ source }: RegExp): string[] {
  const words = source.replaceAll('\\', '').match(/[A-Za-z][A-Za-z ]{2,}/g) ?? [];
  const characters = [...new Set(source.replaceAll('\\', ''))];
  return [
    ...new Set([...words, ...characters, 'a', 'A', '0', ' ', '\n', '\t', '\0', '.a', '-1', 'a-', ':1', 'é']),
  ];
}

/** Long repeats of one piece, each between a start that matches and an end that does not. */
function* hostileTexts(regex: RegExp, length: number): Generator<string> {
  const pieces = piecesOf(regex);
  const starts = [
    '',
    ...(regex.source
      .replaceAll('\\', '')
      .match(/^\^?([^^([]+)/)
      ?.slice(1) ?? []),
  ];
  for (const piece of pieces) {
    const row = piece.repeat(Math.ceil(length / piece.length)).slice(0, length);
    for (const start of starts) for (const end of ['', '\u0001', '\n!']) yield `${start}${row}${end}`;
  }
}

/** The first text for which a search takes too long; sizes grow, so that a bad expression fails early. */
function tooSlow({ regex }: Found): string | undefined {
  for (let length = 4096; length <= longest; length *= 4) {
    for (const text of hostileTexts(regex, length)) {
      // The time of the processor, which a busy machine does not change.
      const before = process.threadCpuUsage();
      regex.test(text);
      const { user, system } = process.threadCpuUsage(before);
      const ms = (user + system) / 1_000;
      if (ms > withinMs)
        return `${JSON.stringify(text.slice(0, 20))}…, ${text.length} long: ${ms.toFixed(0)} ms`;
    }
  }
  return undefined;
}

test('every regular expression in src takes linear time for any text', () => {
  const found = [...literals(), ...patterns(dockerRunSpec)];
  assert.ok(found.length > 80, `found only ${found.length}`);
  const slow = found.flatMap((one) => {
    const text = tooSlow(one);
    return text === undefined ? [] : [`${one.where} ${String(one.regex)}: ${text}`];
  });
  assert.equal(slow, []);
});

test('every regular expression that is built from a text takes linear time, or its text is bounded', async () => {
  const sites = constructions();
  const atCalls = sites.filter(({ atStart }) => !atStart).map(({ file }) => file);
  assert.equal(atCalls, buildsAtCalls);
  const files = new Set(sites.filter(({ atStart }) => atStart).map(({ file }) => file));
  const built: Found[] = [];
  for (const file of files) built.push(...(await builtBy(file)));
  assert.ok(built.length >= sites.length - atCalls.length, `found only ${built.length}`);
  assert.equal(
    built.flatMap((one) => {
      const text = tooSlow(one);
      return text === undefined ? [] : [`${one.where} ${String(one.regex)}: ${text}`];
    }),
    [],
  );
});

test.run();
