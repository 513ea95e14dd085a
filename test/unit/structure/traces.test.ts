import { globSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readPage } from './pages.ts';

const { codeSpans } = readPage('docs/tracing.md');
const sources = globSync('src/{bridge,controller,worker,docker}/**/*.ts').map((path) =>
  readFileSync(path, 'utf8'),
);

function allMatches(pattern: RegExp): string[] {
  return [...new Set(sources.flatMap((text) => [...text.matchAll(pattern)].map(([, found = '']) => found)))];
}

test('docs/tracing.md names every span and attribute of the code', () => {
  const spans = allMatches(/\b(?:traced|recordSince)\(\s*'([^']+)'/g);
  const attributes = allMatches(/'((?:dockerrun|container|process|k8s)(?:\.[a-z_]+)+)':/g);
  assert.ok(spans.length >= 13 && attributes.length >= 15, `${spans.length}, ${attributes.length}`);
  const missing = [...spans, ...attributes].filter((name) => !codeSpans.includes(name));
  assert.equal(missing, []);
});

test.run();
