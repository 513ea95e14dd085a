import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Report } from '../../../src/api/report.ts';
import type { DockerRunStatus } from '../../../src/api/status.ts';
import { decide } from '../../../src/controller/decide/decide.ts';
import { statusOf, withReport } from '../../../src/controller/decide/next-status.ts';
import { isUrgent } from '../../../src/controller/apply/urgent.ts';
import { after, aJob, anObservation, aPod, aRun } from '../../fixtures/builders.ts';

const results = Array.from({ length: 40 }, (_, index) => ({
  ...{ hook: 0, itemId: 'i', fileId: `f${index}`, name: `${index}.txt`, size: 1, sha256: '00' },
}));
const transfers = [{ name: 'mask', direction: 'upload' as const, bytes: 9, totalBytes: 9 }];
/** What a worker says in the 4096 bytes of its final word. */
const word: Report = {
  ...{ phase: 'Succeeded', reason: 'Succeeded', message: 'Done.' },
  ...{ results: results.slice(0, 12), resultCount: 40 },
};
const podName = 'segment-0b9ad1c6-0-x1y2z';

/** The status after a worker ended with that word, when this was known before. */
function endedWith(report: Report, status: DockerRunStatus): DockerRunStatus | undefined {
  const pod = aPod({ kind: 'terminated', exitCode: 0, reason: 'Completed', report });
  const run = aRun({ status: { phase: 'Uploading', ...status } });
  return decide(anObservation({ run, job: aJob(), pods: [pod] }), after(10), {}).status;
}

test('a worker that has told all and waits is written down at once', () => {
  const live = { ...word, results, resultCount: undefined, transfers };
  const { resultCount: _, ...told } = live;
  const run = aRun({ status: { phase: 'Uploading', podName } });
  const observed = anObservation({ run, job: aJob(), pods: [aPod({ kind: 'running' })], live: told });
  const { status } = decide(observed, after(10), {});
  assert.is(status?.phase, 'Uploading');
  assert.equal(status?.results, results);
  assert.is(isUrgent(observed, status ?? {}), true);
});

test('a worker that still works is not urgent', () => {
  const live: Report = { phase: 'Uploading', results };
  const observed = anObservation({ job: aJob(), pods: [aPod({ kind: 'running' })], live });
  assert.not.ok(isUrgent(observed, decide(observed, after(10), {}).status ?? {}));
});

test('the final word, which has little room, takes back no result and no transfer that was told before', () => {
  const status = endedWith(word, { podName, results, transfers });
  assert.is(status?.phase, 'Succeeded');
  assert.equal(status?.results, results);
  assert.equal(status?.transfers, transfers);
  assert.is(status?.message, 'Done.');
});

test('when nobody heard the rest, the message and the condition say how many results are missing', () => {
  const status = endedWith(word, { podName });
  assert.equal(status?.results, word.results);
  const message = 'Done. The status has room for 12 of 40 results.';
  assert.is(status?.message, message);
  assert.is(status?.conditions?.find(({ type }) => type === 'Complete')?.message, message);
});

test('what an earlier attempt transferred and uploaded is not taken for that of the next one', () => {
  const status = endedWith(word, { podName: 'an-earlier-pod', results, transfers });
  assert.equal(status?.results, word.results);
  assert.is(status?.transfers, undefined);
});

test('a message of any length is cut, in the status and in its conditions', () => {
  const message = 'refused '.repeat(10_000);
  const status = statusOf(anObservation(), after(10), { phase: 'Pending', reason: 'Pending', message });
  assert.match(status.message ?? '', /^(refused )+.*…$/);
  assert.ok(Buffer.byteLength(JSON.stringify(status)) < 20_000);
});

test('a status never holds more than a thousand results', () => {
  const many = Array.from({ length: 30 }, () => results).flat();
  assert.is(withReport({}, { results: many }).results?.length, 1000);
});

test.run();
