import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NameOrder } from '../../../src/girder/name-listing.ts';
import { joinBeside, joinByName, mergeByName } from '../../../src/planner/joined-names.ts';

/** The joins against the plain definition, for any names. */

type Entry = { readonly name: string; readonly isResult?: boolean };

const order = new NameOrder();
const character = fc.constantFrom('a', 'b', '!', '.', '-', '~', 'é', '\u{1F600}', '\uFF21');
const name = fc.array(character, { minLength: 1, maxLength: 4 }).map((all) => all.join(''));
const names = fc.uniqueArray(name, { maxLength: 20 });

function sorted<T extends Entry>(entries: readonly T[]): T[] {
  return entries.toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
}

async function* listed<T>(entries: readonly T[]): AsyncGenerator<T, void, undefined> {
  for (const entry of entries) yield await Promise.resolve(entry);
}

async function all<T>(entries: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const entry of entries) found.push(entry);
  return found;
}

test('names are compared as their bytes are', () => {
  fc.assert(
    fc.property(name, name, (a, b) => {
      const expected = Buffer.compare(Buffer.from(a), Buffer.from(b));
      assert.is(Math.sign(order.compare(a, b)), expected);
    }),
  );
});

test('a database that sorts by UTF-16 is recognized', () => {
  const learnt = new NameOrder();
  assert.ok(learnt.accepts('a', 'b'));
  assert.ok(learnt.accepts('\u{1F600}', '\uFF21'));
  assert.not.ok(learnt.accepts('\uFF21', '\u{1F600}'));
  assert.ok(learnt.compare('\u{1F600}', '\uFF21') < 0);
  assert.not.ok(new NameOrder().accepts('b', 'a'));
});

test('each input meets the result of its name, whatever the names are', async () => {
  await fc.assert(
    fc.asyncProperty(names, names, async (left, right) => {
      const [inputs, results] = [left, right].map((list) => sorted(list.map((one) => ({ name: one }))));
      const joined = await all(joinByName(listed(inputs ?? []), listed(results ?? []), order));
      const pairs = joined.map(({ input, result }) => [input?.name, result?.name]);
      const expected = sorted([...new Set([...left, ...right])].map((one) => ({ name: one }))).map((one) => [
        left.includes(one.name) ? one.name : undefined,
        right.includes(one.name) ? one.name : undefined,
      ]);
      assert.equal(pairs, expected);
    }),
  );
});

test('each input meets the result beside it, and what is neither is left out', async () => {
  const entries = fc.uniqueArray(fc.record({ name: name, isResult: fc.boolean(), isInput: fc.boolean() }), {
    maxLength: 24,
    selector: (entry) => entry.name,
  });
  await fc.assert(
    fc.asyncProperty(entries, fc.constantFrom('.a', '.', '~'), async (given, suffix) => {
      const options = {
        suffix,
        order,
        isResult: ({ isResult }: Entry) => isResult === true,
        isInput: ({ isInput }: (typeof given)[number]) => isInput,
      };
      const joined = await all(joinBeside(listed(sorted(given)), options));
      const found = joined.map(({ input, result }) => `${input?.name ?? ''} → ${result?.name ?? ''}`);
      assert.equal(found.toSorted(), besides(given, suffix).toSorted());
    }),
  );
});

/** The definition: in the order of the names, what is at the place of an input's result is its result. */
function besides(
  given: readonly { readonly name: string; readonly isResult: boolean; readonly isInput: boolean }[],
  suffix: string,
): string[] {
  const taken = new Set<string>();
  const inputs = new Set<string>();
  const pairs: string[] = [];
  for (const entry of sorted(given)) {
    const owner = [...inputs].find((input) => input + suffix === entry.name);
    if (owner !== undefined) {
      taken.add(owner);
      pairs.push(`${owner} → ${entry.name}`);
    } else if (entry.isResult) pairs.push(` → ${entry.name}`);
    else if (entry.isInput) inputs.add(entry.name);
  }
  return [...pairs, ...[...inputs].filter((input) => !taken.has(input)).map((input) => `${input} → `)];
}

test('few inputs wait for the result beside them', async () => {
  const many = Array.from({ length: 5_000 }, (_, index) => ({
    name: `slide-${String(index).padStart(5, '0')}`,
  }));
  let [read, found] = [0, 0];
  const counting = (async function* () {
    for await (const entry of listed(many)) {
      read += 1;
      assert.ok(read - found < 4, `${read} are read, and ${found} found`);
      yield entry;
    }
  })();
  const isInput = () => true;
  for await (const _ of joinBeside(counting, { suffix: '.set', order, isResult: () => false, isInput }))
    found += 1;
  assert.is(found, many.length);
});

test('two lists become one in order', async () => {
  const [one, other] = [
    [{ name: 'a' }, { name: 'd' }],
    [{ name: 'b' }, { name: 'e' }],
  ];
  const merged = await all(mergeByName(listed(one), listed(other), order));
  assert.equal(
    merged.map((entry) => entry.name),
    ['a', 'b', 'd', 'e'],
  );
});

test.run();
