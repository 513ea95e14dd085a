import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { referenceRules } from '../../../src/api/reference-rules.ts';
import { referencedNames } from '../../../src/api/references.ts';
import { brokenRules } from '../../../src/cli/cel-rules.ts';

const schema = { 'x-kubernetes-validations': referenceRules };
const declared = {
  volumes: [{ name: 'data' }],
  transforms: [
    { name: 'ct-1', volumePath: {} },
    { name: 'piped', connect: { input: {}, output: {} } },
  ],
};
const known = ['temporaryVolume', 'data', 'ct-1', 'piped'];
const refusals = (value: object) => brokenRules({ schema, value, path: 'spec' });

/** Whether a text is one reference to what nothing declares, and nothing besides. */
function isUnknown(text: string): boolean {
  const [name] = referencedNames(text);
  return name !== undefined && text === `$(${name})` && !known.includes(name);
}

const piece = fc.constantFrom(
  '$',
  '$(',
  ')',
  '(',
  'ct',
  'ct-1',
  'data',
  'nosuch',
  '1',
  '_',
  '.',
  '-',
  ' ',
  'é',
);
const aboutAName = fc.array(fc.constantFrom('a', 'Z', '7', '-', '.', '_', ' ', ')'), { maxLength: 5 });
const text = fc.oneof(
  fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join('')),
  fc.constantFrom(...known, 'other').map((name) => `$(${name})`),
  aboutAName.map((pieces) => `$(${pieces.join('')})`),
);

test('a text that is one reference, and to nothing of the run, is refused, and no other text is', () => {
  fc.assert(
    fc.property(fc.array(text, { maxLength: 3 }), fc.constantFrom('command', 'args'), (texts, field) => {
      const broken = refusals({ ...declared, [field]: texts });
      assert.is(broken.length, texts.some(isUnknown) ? 1 : 0, JSON.stringify([texts, broken]));
      for (const one of broken) assert.ok(one.startsWith(`spec.${field}: `), one);
    }),
    { numRuns: 2_000 },
  );
});

test('a run without volumes and transforms has its temporary volume', () => {
  assert.equal(refusals({ args: ['$(temporaryVolume)', '$$(data)', 'plain'] }), []);
  assert.is(refusals({ args: ['$(data)'] }).length, 1);
});

test('a run of more than 128 texts is left to who reads them one by one', () => {
  const unknown = Array.from({ length: 129 }, () => '$(nosuch)');
  assert.is(refusals({ args: unknown.slice(1) }).length, 1);
  assert.equal(refusals({ args: unknown }), []);
});

test('the longest name can be meant, and a longer one is left to who reads the whole text', () => {
  const longest = 'a'.repeat(63);
  assert.is(refusals({ args: [`$(${longest})`] }).length, 1);
  assert.equal(refusals({ args: [`$(${longest}a)`] }), []);
  assert.equal(refusals({ args: [`$(${longest})`], volumes: [{ name: longest }] }), []);
});

test.run();
