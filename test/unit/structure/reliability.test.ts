import { globSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readPage } from './pages.ts';

const tests = globSync('test/{integration,e2e,nodes}/**/*.test.ts').map((path) => readFileSync(path, 'utf8'));
const [, ...rows] = readPage('docs/reliability.md').rows;

test('every row of docs/reliability.md is one that a test observes', () => {
  assert.ok(rows.length > 0);
  const observed = (fault: string) => tests.some((text) => text.includes(`fault: '${fault}'`));
  const unobserved = rows.map(([fault = '']) => fault).filter((fault) => !observed(fault));
  assert.equal(unobserved, []);
});

test('every fault that a test observes is a row of docs/reliability.md', () => {
  const faults = tests.flatMap((text) => [...text.matchAll(/\bfault: '([^']+)'/g)].map(([, fault]) => fault));
  const listed = new Set(rows.map(([fault]) => fault));
  assert.equal(
    faults.filter((fault) => !listed.has(fault ?? '')),
    [],
  );
});

test.run();
