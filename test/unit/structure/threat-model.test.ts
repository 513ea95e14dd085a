import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type JsonBounds, specBounds, statusBounds } from '../../../src/api/json-values.ts';
import { maxBodiesBytes, maxReviewBytes } from '../../../src/controller/admission/admission-server.ts';
import { maxDepth, maxValues } from '../../../src/controller/admission/review.ts';
import { maxPageBytes } from '../../../src/kube/list-pages.ts';
import { maxAnswerBytes } from '../../../src/kube/request.ts';

const page = readFileSync('docs/threat-model.md', 'utf8');

const ofJson = ({ bytes, depth }: JsonBounds) => [`${bytes / 1024} KiB`, `${depth} levels`];
const mib = (bytes: number) => `${bytes / 1024 / 1024} MiB`;

/** The words that the row of each input must have. */
const bounds: Readonly<Record<string, readonly string[]>> = {
  '`spec`': ofJson(specBounds),
  '`status`': ofJson(statusBounds),
  'a review for the webhook': [
    mib(maxReviewBytes),
    `${maxDepth} levels`,
    `${maxValues} values`,
    `all bodies together ${mib(maxBodiesBytes)}`,
  ],
  'one answer of the API server': [mib(maxAnswerBytes), `a page of a list ${mib(maxPageBytes)}`],
};

for (const [input, words] of Object.entries(bounds)) {
  test(`the threat model has the bound of the code for ${input}`, () => {
    const row = page.split('\n').find((line) => line.startsWith(`| ${input} `)) ?? '';
    for (const word of words) assert.ok(row.includes(word), `${input}: "${word}" is not in "${row}"`);
  });
}

test.run();
