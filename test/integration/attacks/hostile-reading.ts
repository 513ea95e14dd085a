import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { failureReasons } from '../../../src/api/reasons.ts';
import { TransientFailure } from '../../../src/girder/retry.ts';
import { describe, toRunError } from '../../../src/support/errors.ts';
import type { HostileAnswer, HostileServer } from '../../fixtures/hostile-server.ts';

/** How the tests of hostile answers read each of them, and what must hold for a failure. */

export const numRuns = Number(process.env['RUNS'] ?? 2_000);
export const seed = Number(process.env['SEED'] ?? 1);
/** How many answers are under way at once. */
export const lanes = 8;
/** For one answer, on a machine that does other work as well. */
const answerMs = 20_000;
export const mebi = 2 ** 20;

/** Errors of a program that did not expect what it read. */
const defects = [TypeError, RangeError, ReferenceError, SyntaxError, URIError];

/** Checks a failure as the run reports it. */
export function checkFailure(error: unknown): void {
  assert.not(
    defects.some((defect) => error instanceof defect),
    `a defect: ${describe(error)}`,
  );
  assert.instance(error, Error);
  if (error instanceof TransientFailure) {
    assert.ok(error.message.length <= 2_000, `a failure of ${error.message.length} characters`);
    return;
  }
  const failure = toRunError(error);
  assert.ok(failure.reason in failureReasons);
  assert.ok(failure.sentence.length <= 2_000, `a sentence of ${failure.sentence.length} characters`);
}

/** How one answer is read, and what must hold for the value. */
export type Reading = (signal: AbortSignal) => Promise<void>;

/** The value of `step`; an AssertionError only for a defect. */
async function read(reading: Reading): Promise<void> {
  const late = AbortSignal.timeout(answerMs);
  try {
    await reading(late);
  } catch (error) {
    if (error instanceof assert.Assertion) throw error;
    assert.not(late.aborted, `an answer took more than ${answerMs} ms`);
    checkFailure(error);
  }
}

export type Lane = { readonly server: HostileServer; readonly reading: (index: number) => Reading };

/** Sends each of the answers to its reading, some at a time. */
export async function readAll(
  lanesOf: readonly Lane[],
  answers: fc.Arbitrary<HostileAnswer>,
  count = numRuns,
): Promise<void> {
  const left = fc.sample(answers, { numRuns: count, seed }).map((answer, index) => ({ answer, index }));
  await Promise.all(
    lanesOf.map(async ({ server, reading }) => {
      for (let next = left.pop(); next !== undefined; next = left.pop()) {
        server.answer = next.answer;
        await read(reading(next.index)).catch((error: unknown) => {
          const answer = next?.answer.pieces.map(String).join('|').slice(0, 1_500);
          throw new Error(
            `${describe(error)} (seed ${seed}, answer ${next?.index}: ${JSON.stringify(answer)})`,
            {
              cause: error,
            },
          );
        });
      }
    }),
  );
}

export const plain = (texts: fc.Arbitrary<string>) =>
  fc.oneof(
    { weight: 6, arbitrary: texts },
    { weight: 1, arbitrary: fc.constantFrom('', '{', '\u0000', 'null', '[') },
  );
