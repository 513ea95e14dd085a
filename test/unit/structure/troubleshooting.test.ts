import { globSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { progressReasons } from '../../../src/api/progress-reasons.ts';
import { failureReasons } from '../../../src/api/reasons.ts';
import { setReasons } from '../../../src/api/set/set-reasons.ts';
import { setPhases } from '../../../src/api/set/set-status.ts';
import { phases } from '../../../src/api/status.ts';
import { readPage } from './pages.ts';

/** A symptom on a page is one that people meet: a reason of the table, or a text that the code or a test has. */

const page = readPage('docs/troubleshooting.md');
const symptoms = page.lines.flatMap((line) => /^### (.*)/.exec(line)?.[1] ?? []);

const reasons = [...Object.keys(failureReasons), ...Object.keys(progressReasons), ...Object.keys(setReasons)];
const states: readonly string[] = [...phases, ...setPhases];
const reasonLike = /\b[A-Z][a-z]*(?:[A-Z]+[a-z]*)+\b/g;

/** Names that look like a reason and are words of others. */
const words = [
  'DockerRun',
  'DockerRunPolicy',
  'DockerRunSet',
  'LimitRange',
  'PodSecurity',
  'ERROR',
  'ImagePullBackOff',
];

const isKnown = (word: string) =>
  reasons.includes(word) || states.includes(word) || words.includes(word) || /^DockerRun[A-Z]/.test(word);

test('the reasons in the headings are those of the table', () => {
  const named = symptoms.flatMap((symptom) => symptom.match(/\b[A-Z][a-z]+[A-Z]\w+/g) ?? []);
  assert.ok(named.length > 15, `${named.length} reasons`);
  assert.equal(
    named.filter((word) => !isKnown(word)),
    [],
  );
});

test('a text in a heading is one that the code has, or a test sees', () => {
  const quoted = symptoms.flatMap((symptom) =>
    [...symptom.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text),
  );
  const texts = globSync(['src/**/*.ts', 'test/**/*.ts'])
    .filter((path) => !path.endsWith('/troubleshooting.test.ts'))
    .map((path) => readFileSync(path, 'utf8'));
  const own = quoted.filter((text) => /[ ]/.test(text) && !text.startsWith('kubectl '));
  assert.ok(own.length > 4, `${own.length} texts`);
  assert.equal(
    own.filter((text) => !texts.some((one) => one.includes(text))),
    [],
  );
});

test('every reason that a page names in a code span is one of the table', () => {
  for (const path of [
    'docs/troubleshooting.md',
    ...globSync('docs/how-to/*.md'),
    'docs/lifecycle.md',
    'docs/sets.md',
  ]) {
    const spans = readPage(path).codeSpans.filter((code) => code.match(reasonLike)?.[0] === code);
    assert.equal(
      spans.filter((code) => !isKnown(code) && !code.endsWith('Class')),
      [],
      path,
    );
  }
});

test.run();
