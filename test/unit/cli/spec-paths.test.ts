import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dockerRunSetSpec } from '../../../src/api/set/set-spec.ts';
import { dockerRunSpec } from '../../../src/api/spec.ts';
import type { StructuralSchema } from '../../../src/api/structural.ts';
import { CommandLineError } from '../../../src/cli/arguments.ts';
import { assignmentOf, stepsOf, withField } from '../../../src/cli/cluster/spec-paths.ts';

const runSchema = dockerRunSpec as StructuralSchema;
const set = (spec: unknown, text: string, schema = runSchema) => withField(spec, assignmentOf(text), schema);

test('a field of the spec gets the value', () => {
  assert.equal(set({ image: 'a' }, 'image=b:1'), { image: 'b:1' });
  assert.equal(set({}, 'image=b'), { image: 'b' });
});

test('text stays text, and numbers, booleans and lists are read as YAML', () => {
  assert.equal(set({}, 'args[0]=007'), { args: ['007'] });
  assert.equal(set({}, 'args[0]=yes'), { args: ['yes'] });
  assert.equal(set({}, 'backoffLimit=3'), { backoffLimit: 3 });
  assert.equal(set({}, 'suspend=true'), { suspend: true });
  assert.equal(set({}, "command=['sh', '-c']"), { command: ['sh', '-c'] });
});

test('a value may be empty, and may contain an equals sign', () => {
  assert.equal(set({}, 'args[0]='), { args: [''] });
  assert.equal(set({}, 'args[0]=--a=b'), { args: ['--a=b'] });
});

test('the element after the last one is new, and others stay', () => {
  assert.equal(set({ args: ['a', 'b'] }, 'args[2]=c'), { args: ['a', 'b', 'c'] });
  assert.equal(set({ args: ['a', 'b'] }, 'args[0]=c'), { args: ['c', 'b'] });
  assert.throws(
    () => set({ args: ['a'] }, 'args[2]=c'),
    /--set args\[2\]: \[2\] does not exist: the list has 1/,
  );
});

test('an element is found by its name, and added if there is none', () => {
  const env = [
    { name: 'A', value: '1' },
    { name: 'B', value: '2' },
  ];
  assert.equal(set({ env }, 'env[B].value=3'), { env: [env[0], { name: 'B', value: '3' }] });
  assert.equal(set({}, 'env[SEED].value=42'), { env: [{ name: 'SEED', value: '42' }] });
});

test('the template of a set is reached through its own fields', () => {
  const schema = dockerRunSetSpec as StructuralSchema;
  const spec = { parallelism: 1, template: { spec: { image: 'a' } } };
  assert.equal(set(spec, 'template.spec.image=b', schema), {
    parallelism: 1,
    template: { spec: { image: 'b' } },
  });
  assert.equal(set(spec, 'parallelism=5', schema), { ...spec, parallelism: 5 });
});

test('the spec itself is not changed', () => {
  const spec = { args: ['a'], env: [{ name: 'A', value: '1' }] };
  const before = structuredClone(spec);
  set(spec, 'args[0]=b');
  set(spec, 'env[A].value=b');
  assert.equal(spec, before);
});

for (const [text, sentence] of [
  ['image', /write it as PATH=VALUE/],
  ['imag=a', /--set imag: imag does not exist/],
  ['image.x=a', /x is not a field of a list or text/],
  ['image[0]=a', /\[0\] is not in a list/],
  ['args.x=a', /x is not a field/],
  ['[0]=a', /write the path as/],
  ['a..b=c', /write the path as/],
  ['a[=c', /write the path as/],
  ['__proto__.x=1', /write the path as/],
  ['backoffLimit=[', /the value is not YAML/],
] as const)
  test(`--set ${text} is refused with one sentence`, () => {
    assert.throws(
      () => set({ image: 'a', args: ['a'] }, text),
      (error: unknown) => error instanceof CommandLineError && sentence.test(error.message),
    );
  });

test('any text is a path or is refused, and never changes the prototype of objects', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), fc.string({ maxLength: 20 }), (path, value) => {
      try {
        withField({}, { path, value }, {});
      } catch (error) {
        assert.instance(error, CommandLineError);
      }
      assert.equal(Object.keys(Object.prototype), []);
    }),
  );
});

test('a path has steps of three kinds', () => {
  assert.equal(stepsOf('transforms[ct].a-b[0]'), [
    { field: 'transforms' },
    { element: 'ct' },
    { field: 'a-b' },
    { index: 0 },
  ]);
});

test.run();
