import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Report } from '../../../src/api/report.ts';
import type { DockerRunStatus } from '../../../src/api/status.ts';
import { decisionOf } from '../../../src/controller/decide/decision.ts';
import { after, aJob, anObservation, aPod, aRun, decided, workerConfig } from '../../fixtures/builders.ts';

const results = Array.from({ length: 12 }, (_, index) => ({
  ...{ hook: 0, itemId: 'i', fileId: `f${index}`, name: `${index}.txt`, size: 1, sha256: '00' },
}));
const transfers = [{ name: 'mask', direction: 'upload' as const, bytes: 9, totalBytes: 9 }];
/** What a worker says in the 4096 bytes of its termination message. */
const word: Report = {
  ...{ phase: 'Succeeded', reason: 'Succeeded', message: 'Done.' },
  ...{ results, resultCount: 40 },
};
const podName = 'segment-0b9ad1c6-0-x1y2z';

/** The status after a worker ended with that word, when this was known before. */
function endedWith(report: Report, status: DockerRunStatus): DockerRunStatus | undefined {
  const pod = aPod({ kind: 'terminated', exitCode: 0, reason: 'Completed', report });
  const run = aRun({ status: { phase: 'Uploading', ...status } });
  return decided(anObservation({ run, job: aJob(), pods: [pod] }), after(10), {}).status;
}

test('a status lists the results of the final report, and says how many there are', () => {
  const status = endedWith(word, { podName, results, resultCount: 12 });
  assert.is(status?.phase, 'Succeeded');
  assert.equal(status?.results, results);
  assert.is(status?.resultCount, 40);
  assert.is(status?.message, 'Done.');
  assert.is(status?.conditions?.find(({ type }) => type === 'Complete')?.message, 'Done.');
});

test('transfers that the final report has no room for stay as they were reported before', () => {
  assert.equal(endedWith(word, { podName, transfers })?.transfers, transfers);
});

test('what an earlier attempt transferred and uploaded is not taken for that of the next one', () => {
  const before = { podName: 'an-earlier-pod', results, resultCount: 40, transfers };
  const { results: _, resultCount: __, ...wordless } = word;
  const status = endedWith(wordless, before);
  assert.is(status?.results, undefined);
  assert.is(status?.resultCount, undefined);
  assert.is(status?.transfers, undefined);
  assert.equal(endedWith(word, before)?.results, results);
});

test('a message of any length is cut, in the status and in its conditions', () => {
  const message = 'refused '.repeat(10_000);
  const input = { ...anObservation(), now: after(10), policy: {}, worker: workerConfig };
  const { status } = decisionOf(input, { verdict: { phase: 'Pending', reason: 'Pending', message } });
  assert.match(status?.message ?? '', /^(refused )+.*…$/);
  assert.ok(Buffer.byteLength(JSON.stringify(status)) < 20_000);
});

const ended: DockerRunStatus = {
  ...{ phase: 'Succeeded', reason: 'Succeeded', message: 'Done.', observedGeneration: 3 },
  ...{ completionTime: after(60).toISOString(), results, resultCount: 40 },
  conditions: [
    {
      ...{ type: 'Complete', status: 'True', reason: 'Succeeded', message: 'Done.', observedGeneration: 3 },
      lastTransitionTime: after(60).toISOString(),
    },
  ],
};

test('the status of a run that has ended is written again only when the spec has changed since', () => {
  const at = (generation: number, status = ended) =>
    decided(anObservation({ run: aRun({ metadata: { generation }, status }) }), after(90)).status;
  assert.is(at(3), undefined);
  assert.equal(at(4), {
    ...ended,
    observedGeneration: 4,
    conditions: ended.conditions?.map((condition) => ({ ...condition, observedGeneration: 4 })),
  });
  assert.is(at(4, { ...ended, phase: 'Uploading' })?.phase, 'Pending');
});

test.run();
