import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Report } from '../../../src/api/report.ts';
import { withAllThatWasHeard } from '../../../src/controller/observe/heard.ts';
import { aPod } from '../../fixtures/builders.ts';

const results = Array.from({ length: 40 }, (_, index) => ({
  ...{ hook: 0, itemId: 'i', fileId: `f${index}`, name: `${index}.txt`, size: 1, sha256: '00' },
}));
const word: Report = { phase: 'Succeeded', message: 'short', results: results.slice(0, 2), resultCount: 40 };
const ended = aPod({ kind: 'terminated', exitCode: 0, reason: 'Completed', report: word });
const hearing = (report: Report | undefined) => ({ reportOf: () => report });

test('a final word is completed with what its worker told before it ended', () => {
  const pod = withAllThatWasHeard(ended, hearing({ phase: 'Succeeded', message: 'long', results }));
  assert.equal(pod.worker, {
    ...{ kind: 'terminated', exitCode: 0, reason: 'Completed' },
    report: { phase: 'Succeeded', message: 'short', results },
  });
});

test('how many results there are stays said when nobody was told all of them', () => {
  const told = { phase: 'Succeeded', results: results.slice(0, 30), resultCount: 40 } as const;
  const { worker } = withAllThatWasHeard(ended, hearing(told));
  assert.is(worker.kind === 'terminated' && worker.report?.resultCount, 40);
  assert.is(worker.kind === 'terminated' && worker.report?.results?.length, 30);
});

test('a report from before the end, or none, changes no final word', () => {
  assert.is(withAllThatWasHeard(ended, hearing({ phase: 'Uploading', results })), ended);
  assert.is(withAllThatWasHeard(ended, hearing(undefined)), ended);
  const wordless = aPod({ kind: 'terminated', exitCode: 137, reason: 'Error', report: undefined });
  assert.is(withAllThatWasHeard(wordless, hearing({ phase: 'Succeeded' })), wordless);
});

test.run();
