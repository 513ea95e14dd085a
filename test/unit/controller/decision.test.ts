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
/** A report that fits into the 4096 bytes of a termination message. */
const finalReport: Report = {
  ...{ phase: 'Succeeded', reason: 'Succeeded', message: 'Done.' },
  ...{ results, resultCount: 40 },
};
const podName = 'segment-0b9ad1c6-0-x1y2z';

/** The status after a worker ended with this report, with fields of the status before. */
function endedWith(report: Report, status: DockerRunStatus): DockerRunStatus | undefined {
  const pod = aPod({ kind: 'terminated', exitCode: 0, reason: 'Completed', report });
  const run = aRun({ status: { phase: 'Uploading', ...status } });
  return decided(anObservation({ run, job: aJob(), pods: [pod] }), after(10), {}).status;
}

test('a status lists the results of the final report and has their total number', () => {
  const status = endedWith(finalReport, { podName, results, resultCount: 12 });
  assert.is(status?.phase, 'Succeeded');
  assert.equal(status?.results, results);
  assert.is(status?.resultCount, 40);
  assert.is(status?.message, 'Done.');
  assert.is(status?.conditions?.find(({ type }) => type === 'Complete')?.message, 'Done.');
});

for (const [apiUrl, url] of [
  ['https://data.example.org/api/v1', 'https://data.example.org/#item/i'],
  ['https://example.org/girder/api/v1/', 'https://example.org/girder/#item/i'],
  ['https://data.example.org/girder-api', undefined],
  [`https://data.example.org/${'a'.repeat(600)}/api/v1`, undefined],
] as const) {
  test(`with an API at ${apiUrl.slice(0, 40)}, the page of a result is ${url ?? 'not known'}`, () => {
    const pod = aPod({ kind: 'terminated', exitCode: 0, reason: 'Completed', report: finalReport });
    const run = aRun({ spec: { girder: { apiUrl, credentialsSecretRef: { name: 'girder' } } } });
    const { status } = decided(anObservation({ run, job: aJob(), pods: [pod] }), after(10), {});
    assert.is(status?.results?.[0]?.url, url);
  });
}

test('transfers that are not in the final report stay as they were reported before', () => {
  assert.equal(endedWith(finalReport, { podName, transfers })?.transfers, transfers);
});

test('transfers and results of an earlier attempt are not taken over by the next one', () => {
  const before = { podName: 'an-earlier-pod', results, resultCount: 40, transfers };
  const { results: _, resultCount: __, ...withoutResults } = finalReport;
  const status = endedWith(withoutResults, before);
  assert.is(status?.results, undefined);
  assert.is(status?.resultCount, undefined);
  assert.is(status?.transfers, undefined);
  assert.equal(endedWith(finalReport, before)?.results, results);
});

test('a long message is truncated, in the status and in its conditions', () => {
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

test('the status of an ended run is written again only when the spec has changed', () => {
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
