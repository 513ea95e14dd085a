import type { NameOrder } from '../girder/name-listing.ts';

type Named = { readonly name: string };

/** An input, its result, or both; never neither. */
export type Joined<Input, Result> =
  | { readonly input: Input; readonly result: Result | undefined }
  | { readonly input: undefined; readonly result: Result };

/** Joins two lists that are in the order of their names, holding one entry of each. */
export async function* joinByName<Input extends Named, Result extends Named>(
  inputs: AsyncIterable<Input>,
  results: AsyncIterable<Result>,
  order: NameOrder,
): AsyncGenerator<Joined<Input, Result>, void, undefined> {
  const left = inputs[Symbol.asyncIterator]();
  const right = results[Symbol.asyncIterator]();
  let [input, result] = [await valueOf(left), await valueOf(right)];
  while (input !== undefined || result !== undefined) {
    const which = sideOf(input, result, order);
    if (which <= 0 && input !== undefined) yield { input, result: which === 0 ? result : undefined };
    else if (result !== undefined) yield { input: undefined, result };
    if (which <= 0) input = await valueOf(left);
    if (which >= 0) result = await valueOf(right);
  }
}

/** Negative for the input, positive for the result, 0 for both. */
function sideOf(input: Named | undefined, result: Named | undefined, order: NameOrder): number {
  if (input === undefined) return 1;
  if (result === undefined) return -1;
  return order.compare(input.name, result.name);
}

async function valueOf<T>(iterator: AsyncIterator<T>): Promise<T | undefined> {
  const next = await iterator.next();
  return next.done === true ? undefined : next.value;
}

type Beside<T> = {
  /** What is added to the name of an input for that of its result. */
  readonly suffix: string;
  /** Whether an entry is the result of an input, whatever its name. */
  readonly isResult: (entry: T) => boolean;
  /** Whether another entry is an input, unless it is at the place of a result. */
  readonly isInput: (entry: T) => boolean;
  readonly order: NameOrder;
};

/**
 * Joins inputs with results in one list in the order of the names. What is sorted between an input and its result
 * starts with the name of the input, so that few inputs wait for their result: at most one for each of its characters.
 */
export async function* joinBeside<T extends Named>(
  entries: AsyncIterable<T>,
  { suffix, isResult, isInput, order }: Beside<T>,
): AsyncGenerator<Joined<T, T>, void, undefined> {
  let waiting: T[] = [];
  for await (const entry of entries) {
    const isOver = ({ name }: T) => order.compare(name + suffix, entry.name) < 0;
    for (const input of waiting.filter(isOver)) yield { input, result: undefined };
    waiting = waiting.filter((input) => !isOver(input));
    const owner = waiting.find(({ name }) => name + suffix === entry.name);
    if (owner !== undefined) {
      waiting = waiting.filter((input) => input !== owner);
      yield { input: owner, result: entry };
    } else if (isResult(entry)) {
      yield { input: undefined, result: entry };
    } else if (isInput(entry)) {
      waiting.push(entry);
    }
  }
  for (const input of waiting) yield { input, result: undefined };
}

/** Two lists that are in the order of their names, as one. */
export async function* mergeByName<T extends Named>(
  one: AsyncIterable<T>,
  other: AsyncIterable<T>,
  order: NameOrder,
): AsyncGenerator<T, void, undefined> {
  for await (const { input, result } of joinByName(one, other, order)) {
    if (input !== undefined) yield input;
    if (result !== undefined) yield result;
  }
}
